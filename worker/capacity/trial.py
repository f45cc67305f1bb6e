"""One worker put to the test: at its limit, under a steady load, taking over a lost zone's partitions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from msgspec import Struct

from worker.capacity.arrivals import MOST_POSTS, posts, times
from worker.capacity.simulation import simulate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from worker.capacity.costs import Costs
    from worker.capacity.scenario import Scenario
    from worker.capacity.simulation import Course, Shape

# Left out at the beginning, until all stages are at work.
_LEAD_S: Final = 3.0
_LEAST_S, _LONGEST_S = 20.0, 600.0
_LEAST_POSTS, _ENOUGH_POSTS = 3_000, 2_000_000
# Twice what may be in flight.
_BACKLOG: Final = 40_000
# How much longer a lag may take to be caught up than by dividing it by what is left of the limit.
_SLACK: Final = 1.5
# Looked at once it is caught up: the last of the time that it is given.
_LAST_S: Final = 15.0
# So many seconds in a row within the goal are a lag that is caught up.
_CALM_S: Final = 3


class Behaviour(Struct, frozen=True, kw_only=True):
    """A worker under a load.

    Attributes:
        posts_per_s: that came.
        p50_ms, p99_ms: from topic to topic; infinite where it never caught up.
        batch_posts: posts of a run of the model, on average.
        transaction_posts: posts of a transaction.
        in_python: share of the time that the interpreter lock was held.
        scoring: share of the time that the model ran.
    """

    posts_per_s: float
    p50_ms: float
    p99_ms: float
    batch_posts: float
    transaction_posts: float
    in_python: float
    scoring: float


class TakeOver(NamedTuple):
    """A lost zone's partitions, taken over by the busiest of those left.

    Attributes:
        pause_s: without an owner.
        catch_up_s: from the loss until posts are within the goal again; infinite where they were not in time.
        after: from then on.
    """

    pause_s: float
    catch_up_s: float
    after: Behaviour | None


class Trial:
    """Tries one worker with given costs; the same seed draws the same posts.

    Args:
        scenario: lengths, bursts, duplicates.
        costs: of its steps.
        shape: how it is set up.
        published: share of posts for which a record is published.
        seed: of all that is drawn.
    """

    def __init__(
        self, scenario: Scenario, costs: Costs, shape: Shape, *, published: float, seed: int
    ) -> None:
        self._scenario, self._costs, self._shape = scenario, costs, shape
        self._published, self._seed = published, seed

    def limit(self) -> float:
        """Posts a second with a backlog that never ends: from the first commit to the last."""
        there = np.zeros(_BACKLOG)
        committed = self._simulated(there, there, math.inf).committed
        first, last = committed.min(), committed.max()
        return float((committed > first).sum() / (last - first))

    def steady(self, rate: float) -> Behaviour:
        """Under a rate, once all stages are at work."""
        bursts = self._scenario.load.bursts
        seconds = max(_LEAST_S, 3 * bursts.every_s if bursts.factor > 1 else 0.0, _LEAST_POSTS / rate)
        seconds = max(_LEAD_S + 2, min(seconds, _LONGEST_S, _ENOUGH_POSTS / rate))
        arrived = times(rate, 0.0, seconds, bursts, np.random.default_rng(self._seed))
        course = self._simulated(arrived, arrived, 2 * seconds)
        return _behaviour(course, rate, _LEAD_S, seconds)

    def take_over(
        self, before: float, after: float, *, limit: float, pause_s: float, longest_s: float
    ) -> TakeOver:
        """Own partitions at first, then others' too, with what came to them while they had no owner.

        Args:
            before: posts a second of its own.
            after: of all that it has in the end.
            limit: posts a second that it decides at most.
            pause_s: for which nobody reads what it takes over.
            longest_s: longest, from the loss on, that it is given.
        """
        random = np.random.default_rng(self._seed)
        taken_at = _LEAD_S + pause_s
        # By the quickest that it can be: not worth a simulation where that is too slow.
        quickest = pause_s + (after - before) * pause_s / max(limit - after, 1e-9)
        if quickest > longest_s:
            return TakeOver(pause_s, math.inf, None)
        end = min(_LEAD_S + min(longest_s, _SLACK * quickest) + _LEAST_S, MOST_POSTS / after)
        arrived = times(after, 0.0, end, self._scenario.load.bursts, random)
        taken = random.random(len(arrived)) >= before / after
        kept = ~taken | (arrived >= _LEAD_S)
        arrived, taken = arrived[kept], taken[kept]
        readable = np.where(taken, np.maximum(arrived, taken_at), arrived)
        course = self._simulated(arrived, readable, end)
        calm = self._calm(course, taken_at, end)
        if calm is None or calm + _CALM_S > end:
            return TakeOver(pause_s, math.inf, None)
        return TakeOver(
            pause_s, max(0.0, calm - _LEAD_S), _behaviour(course, after, max(calm, end - _LAST_S), end - 1)
        )

    def _calm(self, course: Course, begin: float, end: float) -> float | None:
        """The second from which posts are within the goal."""
        row = 0
        for second in range(math.floor(begin), math.floor(end) - 1):
            latencies = course.latencies(second, second + 1)
            fine = not len(latencies) or _quantile(latencies, 0.99) * 1000 <= self._scenario.goal.p99_ms
            row = row + 1 if fine else 0
            if row == _CALM_S:
                return float(second + 1 - _CALM_S)
        return None

    def _simulated(self, arrived: NDArray[np.float64], readable: NDArray[np.float64], until: float) -> Course:
        of_posts = posts(
            arrived,
            readable,
            self._scenario.posts,
            duplicates=self._scenario.load.duplicates,
            published=self._published,
            random=np.random.default_rng(self._seed + 1),
        )
        return simulate(of_posts, self._costs, self._shape, until)


def _behaviour(course: Course, rate: float, begin: float, end: float) -> Behaviour:
    latencies = course.latencies(begin, end)
    return Behaviour(
        posts_per_s=rate,
        p50_ms=1000 * _quantile(latencies, 0.5),
        p99_ms=1000 * _quantile(latencies, 0.99),
        batch_posts=course.done / max(1, course.batches),
        transaction_posts=course.done / max(1, course.transactions),
        in_python=course.in_python,
        scoring=course.scoring,
    )


def _quantile(latencies: NDArray[np.float64], share: float) -> float:
    """Of the posts, those that were never committed counted as infinitely late."""
    if not len(latencies):
        return math.inf
    place = min(len(latencies) - 1, math.ceil(share * len(latencies)) - 1)
    return float(np.partition(latencies, place)[place])
