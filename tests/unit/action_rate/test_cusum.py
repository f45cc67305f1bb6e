"""The statistics of the action-rate breaker, on simulated streams from fixed seeds."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from worker.action_rate.cusum import Cusum, Design
from worker.action_rate.watch import design
from worker.settings import ActionRateSettings

BETWEEN = 5_000
Flags = npt.NDArray[np.bool_]
DEFAULT = design(ActionRateSettings())


def _independent(turn: np.random.Generator, share: float, posts: int) -> Flags:
    return turn.random(posts) < share


def _clumped(turn: np.random.Generator, share: float, posts: int, size: int) -> Flags:
    """Flags in runs of `size`, and between them as many other posts as make up the share."""
    runs = int(posts * share / size)
    gaps = turn.geometric(1 / (1 + size * (1 - share) / share), runs) - 1
    flags = np.zeros(gaps.sum() + runs * size, bool)
    starts = np.cumsum(gaps) + np.arange(runs) * size
    flags[(starts[:, None] + np.arange(size)).ravel()] = True
    return flags


def _alarms(test: Design, usual: float, flags: Flags) -> int:
    """How often it trips, beginning anew each time; fed in runs of 1,000 posts."""
    cusum, alarms = Cusum(test), 0
    for start in range(0, len(flags), 1_000):
        run = flags[start : start + 1_000]
        while (at := cusum.add(usual, np.flatnonzero(run).tolist(), len(run))) is not None:
            alarms += 1
            cusum.restart()
            run = run[at + 1 :]
    return alarms


@pytest.mark.parametrize("odds_ratio", [5.0, 0.2], ids=["high", "low"])
@pytest.mark.parametrize("usual", [0.005, 0.1, 0.4])
def test_false_alarms_at_the_usual_share_are_no_more_than_stated(usual: float, odds_ratio: float) -> None:
    posts = 500_000
    flags = _independent(np.random.default_rng(1), usual, posts)
    alarms = _alarms(Design(odds_ratio, 1.0, math.log(BETWEEN)), usual, flags)
    assert alarms <= posts / BETWEEN


@pytest.mark.parametrize("usual", [0.005, 0.1, 0.4])
def test_flags_in_clumps_of_the_stated_size_raise_no_more_alarms(usual: float) -> None:
    posts = 500_000
    flags = _clumped(np.random.default_rng(2), usual, posts, size=10)
    assert flags.mean() == pytest.approx(usual, rel=0.1)
    test = Design(5.0, 10.0, math.log(BETWEEN))
    assert _alarms(test, usual, flags) <= posts / BETWEEN
    # The clumps are what makes the difference: taken for independent, they trip it again and again.
    assert _alarms(test._replace(dispersion=1.0), usual, flags) > posts / BETWEEN


@pytest.mark.parametrize(("usual", "posts"), [(0.005, 145), (0.01, 147), (0.05, 162), (0.1, 181), (0.5, 451)])
def test_an_action_that_every_post_gets_trips_it_within_the_stated_posts(usual: float, posts: int) -> None:
    assert DEFAULT.posts_to_trip(usual, 1.0) == posts
    cusum = Cusum(DEFAULT)
    # After however many usual posts: the level is never below 0.
    cusum.add(usual, [], 5_000)
    assert cusum.add(usual, range(posts - 1), posts - 1) is None
    assert cusum.add(usual, [0], 1) == 0
    assert cusum.excursion == (posts, posts)


@pytest.mark.parametrize(("usual", "times"), [(0.005, 10), (0.02, 5), (0.1, 3.6), (0.1, 5)])
def test_a_share_far_above_the_usual_is_found_about_as_soon_as_stated(usual: float, times: float) -> None:
    share = usual * times
    stated = DEFAULT.posts_to_trip(usual, share)
    assert stated is not None
    turn = np.random.default_rng(3)
    took = []
    for _ in range(200):
        cusum = Cusum(DEFAULT)
        cusum.add(usual, np.flatnonzero(_independent(turn, usual, 5_000)).tolist(), 5_000)
        flags = _independent(turn, share, 4 * stated)
        at = cusum.add(usual, np.flatnonzero(flags).tolist(), len(flags))
        took.append(math.inf if at is None else at + 1)
    assert np.mean(took) == pytest.approx(stated, rel=0.1)
    assert np.quantile(took, 0.99) < 2 * stated


@pytest.mark.parametrize("usual", [0.005, 0.1])
def test_a_share_that_is_tolerated_does_not_trip_it(usual: float) -> None:
    share = 0.9 * DEFAULT.tolerated(usual)
    assert share > 1.8 * usual
    assert DEFAULT.posts_to_trip(usual, share) is None
    assert _alarms(DEFAULT, usual, _independent(np.random.default_rng(4), share, 1_000_000)) == 0


def test_no_flag_at_all_is_found_low_within_the_stated_posts() -> None:
    low = DEFAULT._replace(odds_ratio=1 / DEFAULT.odds_ratio)
    posts = low.posts_to_trip(0.02, 0.0)
    assert posts is not None
    cusum = Cusum(low)
    assert cusum.add(0.02, [], posts - 1) is None
    assert cusum.add(0.02, [], 10) == 0
    assert low.posts_to_trip(0.02, 0.02) is None


def test_how_the_posts_are_cut_into_runs_makes_no_difference() -> None:
    flags = _independent(np.random.default_rng(5), 0.2, 3_000)
    whole = Cusum(DEFAULT)
    at = whole.add(0.02, np.flatnonzero(flags).tolist(), len(flags))
    cut = Cusum(DEFAULT)
    start = 0
    for size in (1, 7, 100) * 1_000:
        part = flags[start : start + size]
        found = cut.add(0.02, np.flatnonzero(part).tolist(), len(part))
        if found is not None:
            break
        start += size
    assert at is not None
    assert found is not None
    assert start + found == at
    assert cut.excursion == whole.excursion
    assert cut.level == pytest.approx(whole.level)
