"""Which layout a model can take: tried on made-up texts against the model as transformers runs it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

import torch

from worker.detector.layout import Padded, Single

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from worker.detector.layout import Layout

# How far outputs may lie apart, as a share of the largest: other shapes add up in another order.
_TOLERANCE: Final = {torch.float32: 1e-4, torch.bfloat16: 5e-2, torch.float16: 1e-2}
_LENGTHS: Final = (1, 23, 5, 40)


def fitting_layout(
    model: Any, *, packed: Callable[[], Layout], padded: Callable[[], Padded], most_tokens: int
) -> tuple[Layout, tuple[str, ...]]:
    """The fastest layout that gives this model's own outputs beside any texts, and why no faster one does.

    Args:
        model: a classifier, on its device.
        packed: makes the packed layout.
        padded: makes the padded one.
        most_tokens: longest text.
    """
    single = Single(model)
    attention = model.config._attn_implementation  # noqa: SLF001 - it has no public reader
    probes = _probes(model, most_tokens)
    with torch.inference_mode():
        expected = single.outputs(probes)
        refused: list[str] = []
        for made in (packed, padded):
            try:
                layout = made()
                outputs = layout.outputs(probes)
                if not _agree(outputs, expected):
                    why = "the outputs differ"
                elif not _same_bits(layout, probes, outputs):
                    why = "a text's last bits depend on the texts beside it"
                else:
                    return layout, tuple(refused)
            except Exception as error:  # noqa: BLE001 - whatever a stranger's modelling code stumbles over
                why = f"{type(error).__name__}: {error}"
            refused.append(f"{made.__name__}: {why}")
            model.set_attn_implementation(attention)
    return single, tuple(refused)


def _probes(model: Any, most_tokens: int) -> list[Sequence[int]]:
    known = model.get_input_embeddings().num_embeddings
    padding = model.config.pad_token_id
    chance = random.Random(0)  # noqa: S311 - made-up texts
    return [
        [token if token != padding else token - 1 for token in chance.choices(range(1, known), k=length)]
        for length in (min(length, most_tokens) for length in _LENGTHS)
    ]


def _same_bits(layout: Layout, probes: Sequence[Sequence[int]], outputs: Tensor) -> bool:
    """Whether each text's outputs are the same alone and in another order.

    They are where rows begin at round addresses; libraries that find them at others add up another way.
    """
    alone = torch.cat([layout.outputs([probe]) for probe in probes])
    backwards = layout.outputs(probes[::-1]).flip(0)
    return torch.equal(alone, outputs) and torch.equal(backwards, outputs)


def _agree(outputs: Tensor, expected: Tensor) -> bool:
    allowed = _TOLERANCE[expected.dtype] * (1 + expected.abs().max().item())
    return bool((outputs - expected).abs().max().item() <= allowed)
