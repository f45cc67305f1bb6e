from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from tests.support.reference_attention import reference_kernel
from worker.detector.attention import Bounds, Pack, UnfitModelError, current, packed_attention, running

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

HEADS: Final = 2
WIDTH: Final = 8
STARTS: Final = st.lists(st.integers(1, 20), min_size=1, max_size=8).map(
    lambda lengths: [sum(lengths[:count]) for count in range(len(lengths) + 1)]
)


class Causal(nn.Module):
    is_causal = True


def heads_of(tokens: int) -> list[Tensor]:
    """Query, key and value, shape (1, heads, tokens, width)."""
    made = torch.randn(3, 1, HEADS, tokens, WIDTH, generator=torch.Generator().manual_seed(tokens))
    return list(made)


def pack_of(starts: Sequence[int], layer: nn.Module | None = None, *, kernel: bool = False) -> Pack:
    bounds = None
    if kernel:
        places = torch.tensor(starts, dtype=torch.int32)
        one_each = torch.arange(len(starts), dtype=torch.int32)
        longest = max(end - begin for begin, end in pairwise(starts))
        bounds = Bounds(reference_kernel, places, one_each, longest)
    last_layer = frozenset() if layer is None else frozenset([layer])
    return Pack(torch.tensor(starts[:-1]), last_layer, None if kernel else starts, bounds)


def attend(pack: Pack, layer: nn.Module, heads: list[Tensor], window: int | None = None) -> Tensor:
    with running(pack):
        query, key, value = heads
        seen, _ = packed_attention(layer, query, key, value, None, scaling=0.5, sliding_window=window)
    return seen


def alone(starts: Sequence[int], heads: list[Tensor], window: int | None = None) -> Tensor:
    """Each text's attention by itself, a full mask where there is a window."""
    parts = []
    for begin, end in pairwise(starts):
        places = torch.arange(end - begin)
        mask = None if window is None else (places[:, None] - places[None]).abs() < window
        query, key, value = (one[:, :, begin:end] for one in heads)
        parts.append(scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=0.5))
    return torch.cat(parts, 2).transpose(1, 2)


@pytest.mark.parametrize("kernel", [False, True])
@settings(max_examples=30, deadline=None)
@given(starts=STARTS, window=st.none() | st.integers(1, 24))
def test_each_text_sees_itself_alone(*, kernel: bool, starts: list[int], window: int | None) -> None:
    heads = heads_of(starts[-1])
    seen = attend(pack_of(starts, kernel=kernel), nn.Identity(), heads, window)
    assert seen.shape == (1, starts[-1], HEADS, WIDTH)
    torch.testing.assert_close(seen, alone(starts, heads, window), atol=1e-6, rtol=0)


@pytest.mark.parametrize("kernel", [False, True])
@settings(max_examples=30, deadline=None)
@given(starts=STARTS, window=st.none() | st.integers(1, 24))
def test_in_the_last_layer_first_tokens_are_enough(
    *, kernel: bool, starts: list[int], window: int | None
) -> None:
    layer = nn.Identity()
    heads = heads_of(starts[-1])
    seen = attend(pack_of(starts, layer, kernel=kernel), layer, heads, window)
    first = starts[:-1]
    torch.testing.assert_close(seen[:, first], alone(starts, heads, window)[:, first], atol=1e-6, rtol=0)


def test_what_packs_do_not_offer_is_refused() -> None:
    query, key, value = heads_of(4)
    pack = pack_of([0, 4])
    with pytest.raises(UnfitModelError, match="outside a pack"):
        packed_attention(nn.Identity(), query, key, value, None)
    with running(pack), pytest.raises(UnfitModelError, match="mask"):
        packed_attention(nn.Identity(), query, key, value, torch.zeros(4, 4))
    with running(pack), pytest.raises(UnfitModelError, match="before"):
        packed_attention(Causal(), query, key, value, None)


def test_a_pack_is_forgotten_when_its_run_ends_or_fails() -> None:
    pack = pack_of([0, 4])
    with running(pack):
        assert current() is pack
    assert current() is None
    with pytest.raises(ValueError, match="broken"), running(pack):
        raise ValueError("broken")
    assert current() is None
