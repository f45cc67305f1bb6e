"""The encoder that a training begins with, and which of its weights learn."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import torch
from torch import nn
from transformers import AutoConfig
from transformers.utils import logging as transformers_logging

from worker.detector.adapter import open_classifier
from worker.detector.labels import label_order
from worker.detector.pretrained import longest_window, read_part, read_tokenizer
from worker.errors import DetectorError

if TYPE_CHECKING:
    from pathlib import Path

    from worker.detector.checkpoint import Label
    from worker.lab.encoder.recipe import Recipe

_POOLER: Final = "pooler"
# Adapters are added at this multiple of their rank's inverse: alpha is twice the rank.
_ALPHA: Final = 2


class Base(NamedTuple):
    """An encoder ready to learn.

    Attributes:
        model: a sequence classifier with two outputs; with adapters, PEFT's wrapping of one.
        tokenizer: its tokenizer.
        labels: what its outputs mean, first to last.
        max_tokens: most tokens that it can read and the recipe allows.
    """

    model: Any
    tokenizer: Any
    labels: tuple[Label, Label]
    max_tokens: int


def open_base(folder: Path, recipe: Recipe) -> Base:
    """Reads an encoder, puts a classifier on it if it has none, and adapters where the recipe asks for them.

    New weights come from the recipe's seed. A classifier of human and machine that is there is trained on.

    Raises:
        DetectorError: the directory's content can't be used, or has no layer that adapters go on.
    """
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    torch.manual_seed(recipe.seed)
    with warnings.catch_warnings(action="ignore"):
        config = read_part(
            folder, "config.json", lambda: AutoConfig.from_pretrained(folder, local_files_only=True)
        )
        labels = _labels(folder, config)
        tokenizer = read_tokenizer(folder)
        model, new = open_classifier(folder, labels)
    inside = f"{model.base_model_prefix}."
    if lost := [name for name in new if name.startswith(inside) and _POOLER not in name]:
        raise DetectorError(
            f"train: {folder}: {len(lost)} weights are missing, among them {lost[0]}; it is no encoder"
        )
    max_tokens = min(recipe.max_tokens, longest_window(tokenizer, model))
    if tokenizer.pad_token_id is None:
        raise DetectorError(f"train: {folder}: its tokenizer has no padding token; set `pad_token` in it")
    model.config.pad_token_id = tokenizer.pad_token_id
    if recipe.freeze:
        _freeze(model)
    elif recipe.adapter_rank:
        with warnings.catch_warnings(action="ignore"):
            model = _with_adapters(folder, model, recipe.adapter_rank)
    return Base(model, tokenizer, labels, max_tokens)


def _labels(folder: Path, config: Any) -> tuple[Label, Label]:
    try:
        return label_order(folder, config.id2label, None)
    except DetectorError:
        # No detector yet: the classifier is new, and its outputs mean what we say.
        return ("human", "machine")


def _freeze(model: Any) -> None:
    for name, one in model.base_model.named_parameters():
        one.requires_grad = _POOLER in name


def _with_adapters(folder: Path, model: Any, rank: int) -> Any:
    # Imported here: only adapters need it.
    from peft import LoraConfig, get_peft_model  # noqa: PLC0415

    encoder = model.base_model
    layers = {
        name.rpartition(".")[2]
        for name, one in encoder.named_modules()
        if isinstance(one, nn.Linear) and _POOLER not in name
    }
    if not layers:
        raise DetectorError(f"train: {folder}: its encoder has no linear layers for adapters to go on")
    heads = [name for name, _ in model.named_children() if name != model.base_model_prefix]
    heads += [name for name, _ in encoder.named_children() if name == _POOLER]
    of_encoder = re.escape(model.base_model_prefix)
    config = LoraConfig(
        task_type="SEQ_CLS",
        r=rank,
        lora_alpha=_ALPHA * rank,
        target_modules=rf"{of_encoder}\.(?!{_POOLER}\.).*({'|'.join(sorted(layers))})",
        modules_to_save=[name for name in heads if any(True for _ in _submodule(model, name))],
    )
    return get_peft_model(model, config)


def _submodule(model: Any, name: str) -> Any:
    """The weights of a part of the classifier or of its encoder."""
    part = getattr(model, name, None) or getattr(model.base_model, name)
    return part.parameters()
