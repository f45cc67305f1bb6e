"""Against the values of the papers' own formulas, and of scipy where it has the method."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from scipy.stats import binomtest

from worker.release import intervals


@pytest.mark.parametrize(("hits", "of"), [(0, 10), (1, 10), (50, 1000), (10, 10)])
def test_a_share_has_wilsons_interval(hits: int, of: int) -> None:
    expected = binomtest(hits, of).proportion_ci(method="wilson")
    found = intervals.share(hits, of, of)
    assert found.value == hits / of
    assert found.low == pytest.approx(expected.low, abs=1e-12)
    assert found.high == pytest.approx(expected.high, abs=1e-12)


def test_clustered_posts_are_worth_fewer() -> None:
    alone = [str(number) for number in range(100)]
    hits = [number < 20 for number in range(100)]
    assert intervals.independent(hits, alone) == pytest.approx(99, abs=1)
    # Ten posts an author, each author with all hits or none: as ten posts.
    grouped = [str(number // 10) for number in range(100)]
    assert intervals.independent(hits, grouped) == pytest.approx(9, abs=1)
    assert intervals.independent(hits, ["one"] * 100) == 1.0


def test_where_all_are_equal_they_count_as_they_are() -> None:
    assert intervals.independent([False] * 100, [str(number // 10) for number in range(100)]) == 100.0


def test_a_paired_difference_holds_the_truth_in_about_19_of_20_draws() -> None:
    turn = random.Random(7)  # noqa: S311 - draws for a test
    gain, loss, of = 0.04, 0.01, 400
    held = 0
    for _ in range(1_000):
        drawn = [turn.random() for _ in range(of)]
        gained, lost = sum(one < gain for one in drawn), sum(gain <= one < gain + loss for one in drawn)
        found = intervals.paired_difference(gained, lost, of, of)
        held += found.low <= gain - loss <= found.high
    assert 925 <= held <= 985


def test_a_paired_difference_of_nothing_still_has_a_width() -> None:
    found = intervals.paired_difference(0, 0, 1_000, 1_000)
    assert found.value == 0
    assert found.low == -found.high
    assert 0 < found.high < 0.005


def test_newcombes_own_example() -> None:
    """Newcombe 1998, table II, column (a): 56/70 less 48/80 is 0.20, from 0.0524 to 0.3339."""
    found = intervals.difference(intervals.share(56, 70, 70), intervals.share(48, 80, 80))
    assert found.value == pytest.approx(0.2)
    assert [found.low, found.high] == pytest.approx([0.0524, 0.3339], abs=5e-5)


def test_more_posts_make_it_narrower() -> None:
    found = [intervals.share(of // 20, of, of) for of in (20, 200, 2_000)]
    assert all(wide.high - wide.low > narrow.high - narrow.low > 0 for wide, narrow in pairwise(found))
