"""Classifiers with random weights, straight on the device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import transformers

from benchmarks.engine.words import BEGIN, END, PADDING

if TYPE_CHECKING:
    from benchmarks.engine.shapes import Shape

_SEED = 0


def classifier(shape: Shape, device: torch.device, dtype: torch.dtype) -> Any:
    """A classifier of this shape in evaluation mode; the same weights every time."""
    config = getattr(transformers, f"{shape.family}Config")(
        vocab_size=shape.vocabulary,
        num_hidden_layers=shape.layers,
        hidden_size=shape.width,
        intermediate_size=shape.inner_width,
        num_attention_heads=shape.heads,
        max_position_embeddings=shape.positions,
        type_vocab_size=1 if shape.family == "Roberta" else 2,
        initializer_range=shape.weight_spread,
        bos_token_id=BEGIN,
        pad_token_id=PADDING,
        eos_token_id=END,
        num_labels=2,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        model = getattr(transformers, f"{shape.family}ForSequenceClassification")(config)
    return model.eval().to(device=device, dtype=dtype)
