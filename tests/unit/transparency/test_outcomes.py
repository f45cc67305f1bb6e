"""What became of each post: one outcome each, the last word counts."""

from __future__ import annotations

import pytest

from worker.replay.plan import Range
from worker.transparency.outcomes import Outcomes


@pytest.fixture
def outcomes() -> Outcomes:
    made = Outcomes([Range(partition=0, warm=5, first=5, end=9), Range(partition=2, warm=0, first=0, end=2)])
    for partition, offset in ((0, 5), (0, 7), (0, 8), (2, 1)):
        made.post(partition, offset)
    return made


def test_each_post_counts_once_by_its_last_word(outcomes: Outcomes) -> None:
    assert outcomes.decided(0, 5, "decode")
    assert outcomes.decided(0, 5, "review")
    assert outcomes.decided(2, 1, "pass")
    assert [outcomes.count(name) for name in ("review", "pass", "decode", "label")] == [1, 1, 0, 0]
    assert outcomes.count(None) == 2
    assert outcomes.again == 1


def test_a_flag_whose_post_is_not_there_counts_as_such_alone(outcomes: Outcomes) -> None:
    assert not outcomes.decided(0, 6, "limit")
    assert (outcomes.gone, outcomes.count("limit"), outcomes.count(None)) == (1, 0, 4)


@pytest.mark.parametrize(
    ("partition", "offset", "expected"),
    [(0, 5, True), (0, 8, True), (0, 9, False), (0, 4, False), (1, 0, False), (2, 0, True)],
)
def test_the_range_is_what_was_given(
    outcomes: Outcomes, partition: int, offset: int, *, expected: bool
) -> None:
    assert outcomes.covers(partition, offset) == expected
