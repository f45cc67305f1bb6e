"""What `torch.nn.attention.varlen.varlen_attn` does on a GPU, in plain steps for any device."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import scaled_dot_product_attention

if TYPE_CHECKING:
    from torch import Tensor


def reference_kernel(  # noqa: PLR0913, PLR0917 - torch's own signature
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
    """Sequence by sequence. What belongs to no sequence is NaN, as memory that nobody wrote may be."""
    assert num_splits == 1
    seen = torch.full_like(query, torch.nan)
    for (begin, end), (first, last) in zip(
        pairwise(cu_seq_q.tolist()), pairwise(cu_seq_k.tolist()), strict=True
    ):
        assert end - begin <= max_q
        assert last - first <= max_k
        if first == last:
            seen[begin:end] = 0  # nothing to see
        elif begin < end:
            one = scaled_dot_product_attention(
                query[begin:end].transpose(0, 1),
                key[first:last].transpose(0, 1),
                value[first:last].transpose(0, 1),
                attn_mask=_window(end - begin, last - first, window_size),
                scale=scale,
            )
            seen[begin:end] = one.transpose(0, 1)
    return seen


def _window(queries: int, keys: int, size: tuple[int, int]) -> Tensor | None:
    """Which keys a query sees: so many to its left and right, where the last query stands at the last key."""
    left, right = size
    if left < 0 and right < 0:
        return None
    distance = torch.arange(keys)[None] - (torch.arange(queries)[:, None] + keys - queries)
    return (distance >= -left) & (distance <= right)
