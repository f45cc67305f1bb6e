"""Attention over texts that lie one behind the other without padding: each sees itself alone.

It is registered with transformers, whose own modelling code then calls it in every layer. In the last layer
only a text's first token is asked for, as only that one reaches the classifier.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import lru_cache
from inspect import signature
from itertools import pairwise
from threading import local
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.varlen import varlen_attn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor, nn

PACKED: Final = "flagstaff_packed"
# Before torch 2.12 its attention over packed sequences never splits keys, and can't be told not to.
_CAN_SPLIT: Final = "num_splits" in signature(varlen_attn).parameters


class UnfitModelError(Exception):
    """A model can't be run in this way; another one is tried."""


class Kernel(Protocol):
    """Attention over packed sequences, as `torch.nn.attention.varlen.varlen_attn` states it."""

    def __call__(  # noqa: PLR0913, PLR0917 - torch's own signature
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        cu_seq_q: Tensor,
        cu_seq_k: Tensor,
        max_q: int,
        max_k: int,
        *,
        scale: float | None,
        window_size: tuple[int, int],
        num_splits: int,
    ) -> Tensor:
        """Query, key, value: (tokens, heads, width); the answer has the query's shape."""
        ...


def flash_attention(  # noqa: PLR0913, PLR0917 - torch's own signature
    query: Tensor,
    key: Tensor,
    value: Tensor,
    cu_seq_q: Tensor,
    cu_seq_k: Tensor,
    max_q: int,
    max_k: int,
    *,
    scale: float | None,
    window_size: tuple[int, int],
    num_splits: int,
) -> Tensor:
    """As `Kernel` says, on CUDA in half precision."""
    splits: dict[str, Any] = {"num_splits": num_splits} if _CAN_SPLIT else {}
    # Of torch's ways only this one keeps to `num_splits`.
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        seen = varlen_attn(
            query,
            key,
            value,
            cu_seq_q,
            cu_seq_k,
            max_q,
            max_k,
            scale=scale,
            window_size=window_size,
            **splits,
        )
    assert isinstance(seen, torch.Tensor)  # noqa: S101 - it is a pair where more is asked for
    return seen


class Bounds(NamedTuple):
    """Where the texts of a pack begin and end, for a kernel that takes all at once.

    Attributes:
        kernel: what computes it.
        starts: first rows and the last one's end, shape (texts + 1), int32. `Pack.first` may hold more.
        one_each: 0, 1, 2 and so on, shape (texts + 1), int32: bounds of one row a text.
        longest: most tokens of a text.
    """

    kernel: Kernel
    starts: Tensor
    one_each: Tensor
    longest: int


class Pack(NamedTuple):
    """What the model runs on at the moment, in this thread.

    Attributes:
        first: rows of the texts' first tokens, shape (rows).
        last_layer: the modules of the model's last layer.
        texts: first rows of the texts and the end of the last one; None where they are padded instead.
        bounds: the same for a kernel that takes all texts at once; None: one text after the other.
        calls: counts the layers that came here.
    """

    first: Tensor
    last_layer: frozenset[nn.Module]
    texts: Sequence[int] | None = None
    bounds: Bounds | None = None
    calls: list[None] | None = None


class _Running(local):
    pack: Pack | None = None


_running: Final = _Running()


@contextmanager
def running(pack: Pack) -> Iterator[None]:
    """Within it, the model in this thread runs on this pack."""
    _running.pack = pack
    try:
        yield
    finally:
        _running.pack = None


def current() -> Pack | None:
    """The pack that the model in this thread runs on."""
    return _running.pack


def packed_attention(  # noqa: PLR0913 - transformers' own signature
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attention of each text to itself.

    Args:
        module: the layer's attention.
        query: shape (1, heads, tokens, width), and so are `key` and `value`.
        key: as above.
        value: as above.
        attention_mask: none; a pack needs none.
        scaling: factor of the products; None: one by the root of the width.
        sliding_window: how far a token sees, itself counted; None: as far as its text goes.

    Returns:
        Shape (1, tokens, heads, width). In the last layer all rows but the texts' first are zero.

    Raises:
        UnfitModelError: the model needs what packs do not offer.
    """
    pack = current()
    if pack is None or (pack.texts is None and pack.bounds is None):
        raise UnfitModelError("packed attention is asked for outside a pack")
    if attention_mask is not None or getattr(module, "is_causal", False):
        raise UnfitModelError("a mask, or attention to what came before alone")
    if pack.calls is not None:
        pack.calls.append(None)
    first_only = module in pack.last_layer
    if pack.bounds is not None:
        # The kernel aligns a single row with its text's end, where a window would show it the wrong rows.
        first_only = first_only and sliding_window is None
        answer = _at_once(
            query, key, value, pack, scale=scaling, window=sliding_window, first_only=first_only
        )
        return answer, None
    assert pack.texts is not None  # noqa: S101 - told apart above
    shape = (1, query.shape[2], query.shape[1], query.shape[3])
    answer = query.new_zeros(shape) if first_only else query.new_empty(shape)
    for begin, end in pairwise(pack.texts):
        if begin == end:
            continue
        asked = begin + 1 if first_only else end
        mask = None
        if sliding_window is not None and end - begin > sliding_window:
            mask = _band(end - begin, sliding_window, query.device)[: asked - begin]
        seen = scaled_dot_product_attention(
            query[:, :, begin:asked],
            key[:, :, begin:end],
            value[:, :, begin:end],
            attn_mask=mask,
            scale=scaling,
        )
        answer[:, begin:asked] = seen.transpose(1, 2)
    return answer, None


def _at_once(  # noqa: PLR0913 - parts of the call above
    query: Tensor,
    key: Tensor,
    value: Tensor,
    pack: Pack,
    *,
    scale: float | None,
    window: int | None,
    first_only: bool,
) -> Tensor:
    bounds = pack.bounds
    assert bounds is not None  # noqa: S101 - the caller looked
    rows, keys, values = (tensor[0].transpose(0, 1) for tensor in (query, key, value))
    first = pack.first[: len(bounds.starts) - 1]
    asked = rows[first] if first_only else rows
    # The kernel counts the neighbours on each side.
    reach = -1 if window is None else window - 1
    seen = bounds.kernel(
        asked,
        keys,
        values,
        bounds.one_each if first_only else bounds.starts,
        bounds.starts,
        1 if first_only else bounds.longest,
        bounds.longest,
        scale=scale,
        window_size=(reach, reach),
        # Split keys would make a text's sum depend on the longest text beside it.
        num_splits=1,
    )
    if not first_only:
        return seen[None]
    # Places without a text point at the first text's row, and must not overwrite what belongs there.
    taken = bounds.starts[1:] > bounds.starts[:-1]
    answer = torch.zeros_like(rows)
    answer[first] = torch.where(taken[:, None, None], seen, seen[:1])
    return answer[None]


@lru_cache(maxsize=64)
def _band(length: int, reach: int, device: torch.device) -> Tensor:
    places = torch.arange(length, device=device)
    return (places[:, None] - places[None, :]).abs() < reach


def _no_mask(*_: Any, **__: Any) -> None:
    """The bounds of the texts say all that a mask would."""


def register() -> None:
    """Makes the attention known to transformers under the name `PACKED`."""
    AttentionInterface.register(PACKED, packed_attention)
    AttentionMaskInterface.register(PACKED, _no_mask)
