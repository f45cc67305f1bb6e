"""The task's model as transformers loads it, for the contestants that run or convert it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from benchmarks.engine.task import NumberFormat


@lru_cache(maxsize=2)
def torch_model(folder: Path, number_format: NumberFormat) -> Any:
    """The model, in evaluation mode; one copy a format, whoever asks."""
    return AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=getattr(torch, number_format), local_files_only=True
    ).eval()


@lru_cache(maxsize=1)
def tokenizer(folder: Path) -> Any:
    """The tokenizer."""
    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


class Logits(torch.nn.Module):
    """A model that takes two plain tensors and answers with one, as exporters want it."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self._model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Shapes (texts, tokens) twice; the answer is (texts, 2)."""
        logits: Tensor = self._model(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits


def exportable(folder: Path) -> tuple[Logits, dict[str, Tensor]]:
    """The float32 model for an exporter, and an example of its inputs."""
    ids = torch.full((2, 8), 7)
    return Logits(torch_model(folder, "float32")).eval(), {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
    }
