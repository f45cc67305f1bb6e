"""Files in the layout of OpenAI's `detector-base.pt`, small and with random weights."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoTokenizer, RobertaConfig, RobertaForSequenceClassification

from tests.support.tiny_transformer import save_roberta

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

TOKENIZER = ("tokenizer.json", "tokenizer_config.json")


def save_openai(folder: Path) -> tuple[Path, RobertaForSequenceClassification]:
    """A `detector-base.pt` with its tokenizer beside it; returns the file and the model that it holds.

    The model is also in `folder/reference`, as transformers saves it.
    """
    reference = save_roberta(folder / "reference", labels=("machine", "human"))
    config = RobertaConfig(
        vocab_size=len(AutoTokenizer.from_pretrained(reference)),
        hidden_size=128,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=96,
        max_position_embeddings=34,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        initializer_range=0.2,
        id2label={0: "machine", 1: "human"},
    )
    with torch.random.fork_rng():
        torch.manual_seed(11)
        model = RobertaForSequenceClassification(config).eval()
    model.save_pretrained(reference)
    for name in TOKENIZER:
        shutil.copy(reference / name, folder / name)
    file = folder / "detector-base.pt"
    torch.save(content(model.state_dict()), file)
    return file, model


def content(weights: Mapping[str, Tensor], *, large: bool = False) -> dict[str, Any]:
    """What such a file holds beside these weights."""
    return {
        "epoch": 4,
        "model_state_dict": dict(weights),
        "optimizer_state_dict": {"state": {0: {"step": 1, "exp_avg": torch.zeros(3)}}, "param_groups": []},
        "args": {"max_epochs": None, "device": None, "batch_size": 24, "large": large, "kwargs": {}},
    }
