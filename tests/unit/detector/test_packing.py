from __future__ import annotations

from itertools import chain, pairwise
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from worker.detector.packing import PACK_TOKENS, balanced_packs, filled_packs

LENGTHS: Final = st.lists(st.integers(1, 512), max_size=200)


def loads(lengths: list[int], packs: list[list[int]]) -> list[int]:
    return [sum(lengths[place] for place in pack) for pack in packs]


@given(LENGTHS, st.integers(1, 8))
def test_balanced_packs_hold_each_text_once_the_largest_first(lengths: list[int], streams: int) -> None:
    packs = balanced_packs(lengths, streams)
    assert sorted(chain.from_iterable(packs)) == list(range(len(lengths)))
    assert all(packs)
    work = loads(lengths, packs)
    assert work == sorted(work, reverse=True)


@given(LENGTHS.filter(bool), st.integers(1, 8))
def test_no_pack_has_more_than_its_share_and_one_text(lengths: list[int], streams: int) -> None:
    work = loads(lengths, balanced_packs(lengths, streams))
    assert max(work) - min(work) <= max(lengths)
    assert max(work) <= PACK_TOKENS * 2 + max(lengths)


@given(st.lists(st.integers(40, 60), min_size=100, max_size=300), st.integers(1, 8))
def test_much_work_keeps_every_stream_busy_to_the_end(lengths: list[int], streams: int) -> None:
    assert len(balanced_packs(lengths, streams)) % streams == 0


def test_little_work_is_not_torn_apart() -> None:
    assert balanced_packs([5, 9, 3], 8) == [[1, 0, 2]]
    assert balanced_packs([], 8) == []
    assert len(balanced_packs([64, 64], 8)) == 2


@given(LENGTHS, st.integers(512, 2048), st.integers(1, 64))
def test_filled_packs_hold_each_text_once_within_both_limits(
    lengths: list[int], most_tokens: int, most_texts: int
) -> None:
    packs = filled_packs(lengths, most_tokens, lambda _: most_texts)
    assert sorted(chain.from_iterable(packs)) == list(range(len(lengths)))
    assert all(1 <= len(pack) <= most_texts for pack in packs)
    assert all(load <= most_tokens for load in loads(lengths, packs))


@given(LENGTHS, st.integers(512, 2048))
def test_no_two_neighbours_would_have_fitted_one_pack(lengths: list[int], most_tokens: int) -> None:
    packs = filled_packs(lengths, most_tokens, lambda _: len(lengths) + 1)
    for pack, after in pairwise(packs):
        assert sum(lengths[place] for place in pack) + lengths[after[0]] > most_tokens


def test_a_pack_may_be_full_to_the_last_token() -> None:
    assert filled_packs([512, 512, 1], 1024, lambda _: 9) == [[0, 1], [2]]
    assert filled_packs([1, 1, 1], 1024, lambda _: 2) == [[0, 1], [2]]


def test_a_pack_of_long_texts_may_hold_fewer() -> None:
    lengths = [2, 9, 9, 9, 2, 2, 2]
    assert filled_packs(lengths, 1024, lambda longest: 2 if longest > 4 else 3) == [[1, 2], [3, 0], [4, 5, 6]]
