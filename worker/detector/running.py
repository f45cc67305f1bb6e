"""From a model on its device to what runs it fastest there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import torch

from worker.cores import usable_cores
from worker.detector.attention import UnfitModelError, flash_attention
from worker.detector.fixed_shape import CudaQueue, FixedShape, OneByOne, pack_sizes
from worker.detector.fused_activation import fuse_gelu
from worker.detector.int8 import quantise
from worker.detector.layout import Packed, Padded, layers_of
from worker.detector.probing import fitting_layout
from worker.detector.streams import Streams
from worker.errors import SettingsError

if TYPE_CHECKING:
    from worker.detector.calibration import NumberFormat
    from worker.detector.layout import Layout
    from worker.detector.transformer import Runner

# Rows of every run on a GPU, where nobody says otherwise.
GPU_TOKENS: Final = 16_384
# Into how many runs the rows of one batch are cut where texts are padded.
_PADDED_RUNS: Final = 8
# The formats that torch's packed attention takes.
_HALF: Final = (torch.bfloat16, torch.float16)


class Fitted(NamedTuple):
    """What runs a model, and how.

    Attributes:
        runner: what runs it.
        way: how, in words, for people and for the digest.
        refused: the faster ways that this model can't take, each with the reason.
    """

    runner: Runner
    way: str
    refused: tuple[str, ...]


def fitting_runner(
    model: Any, *, number_format: NumberFormat, most_tokens: int, token_budget: int = GPU_TOKENS
) -> Fitted:
    """What runs a model fastest.

    Args:
        model: a classifier in evaluation mode, on its device.
        number_format: what its linear layers are to compute in.
        most_tokens: longest text.
        token_budget: rows of every run on a GPU.

    Raises:
        SettingsError: nothing of this model would be in `int8`.
    """
    device: torch.device = model.device
    if device.type == "cpu":
        torch.set_num_threads(1)  # as its streams run it: what fits is tried under the same
    fused = fuse_gelu(model) if device.type == "cuda" and model.dtype in _HALF else 0
    layout, refused = _layout(model, most_tokens, token_budget)
    if number_format == "int8":
        _to_int8(model)
    if device.type == "cpu":
        return Fitted(Streams(layout, usable_cores()), layout.name, refused)
    way = f"{layout.name} in {token_budget}{', fused' if fused else ''}"
    if isinstance(layout, Packed) and model.dtype in _HALF:
        runner = FixedShape(
            layout,
            CudaQueue(device),
            device=device,
            tokens=token_budget,
            sizes=pack_sizes(token_budget, most_tokens),
        )
        return Fitted(runner, way, refused)
    return Fitted(OneByOne(layout, tokens=token_budget), way, refused)


def _to_int8(model: Any) -> None:
    try:
        replaced = quantise(layers_of(model))
    except UnfitModelError:
        replaced = 0
    if not replaced:
        raise SettingsError(
            f"settings: detector.dtype 'int8': no linear layers are found in a {type(model).__name__}; set "
            "auto, float32 or bfloat16"
        )


def _layout(model: Any, most_tokens: int, token_budget: int) -> tuple[Layout, tuple[str, ...]]:
    first_position = first_position_of(model)
    on_gpu = model.device.type == "cuda"
    fixed = token_budget if on_gpu else None

    def packed() -> Packed:
        return Packed(
            model,
            first_position=first_position,
            fixed_tokens=fixed,
            fixed_texts=max(size.texts for size in pack_sizes(token_budget, most_tokens)),
            kernel=flash_attention if on_gpu and model.dtype in _HALF else None,
            longest=most_tokens,
        )

    def padded() -> Padded:
        # Every length of a batch takes runs of its own, full or not: smaller ones waste less.
        rows = max(most_tokens, token_budget // _PADDED_RUNS) if on_gpu else None
        return Padded(model, most_tokens=most_tokens, fixed_tokens=rows)

    return fitting_layout(model, packed=packed, padded=padded, most_tokens=most_tokens)


def first_position_of(model: Any) -> int:
    """The position of a text's first token, as the model counts.

    RoBERTa and its kin count from behind the padding's position, so 514 positions hold 512 tokens.
    """
    for name, module in model.named_modules():
        padding: int | None = getattr(module, "padding_idx", None)
        if name.endswith("position_embeddings") and padding is not None:
            return padding + 1
    return 0
