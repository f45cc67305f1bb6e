"""The simulated worker against queueing theory, and against what no worker can break."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.support.capacity import NOTHING, USUAL, costs, shape
from worker.capacity.arrivals import Posts, posts, times
from worker.capacity.costs import Affine
from worker.capacity.scenario import Bursts, Lengths
from worker.capacity.simulation import Course, simulate

ONE = Lengths(median=1, sigma=0, least=1, most=1)


def arrivals(rate: float, seconds: float, *, lengths: Lengths = ONE, duplicates: float = 0.0) -> Posts:
    random = np.random.default_rng(1)
    arrived = times(rate, 0.0, seconds, Bursts(), random)
    return posts(arrived, arrived, lengths, duplicates=duplicates, published=0.05, random=random)


def usual(rate: float, *, duplicates: float = 0.0) -> Course:
    of_posts = arrivals(rate, 60.0, lengths=Lengths(), duplicates=duplicates)
    return simulate(of_posts, USUAL, shape(4_096, latency_s=0.05, interval_ms=100), 600.0)


@pytest.mark.parametrize("load", [0.3, 0.7])
def test_one_post_a_run_waits_as_in_an_m_d_1_queue(load: float) -> None:
    """Pollaczek and Khinchine: the mean wait is load * service / (2 (1 - load))."""
    service = 0.05
    course = simulate(
        arrivals(load / service, 4_000),
        costs(score=Affine(service, 0.0)),
        shape(transaction_posts=1),
        1e6,
    )
    waited = course.latencies(50, 3_900).mean() - service
    # The main loop looks for what is decided every 5 ms, and once more for what is committed.
    assert waited == pytest.approx(load * service / (2 * (1 - load)), rel=0.1, abs=0.008)


def test_littles_law() -> None:
    """Posts in the system are their rate times the time that each is in it, on average."""
    course = usual(150.0)
    arrived, committed = course.posts.arrived, course.committed
    begin, end = 5.0, 55.0
    moments = np.arange(begin, end, 0.01)
    inside = np.searchsorted(arrived, moments) - np.searchsorted(np.sort(committed), moments)
    within = (arrived >= begin) & (arrived < end)
    rate, lasted = within.sum() / (end - begin), (committed - arrived)[within].mean()
    assert inside.mean() == pytest.approx(rate * lasted, rel=0.05)


@pytest.mark.parametrize("until", [0.5, 3.0, 600.0])
def test_what_came_is_committed_or_still_there(until: float) -> None:
    of_posts = arrivals(1_000, 5.0, lengths=Lengths())
    course = simulate(of_posts, USUAL, shape(4_096, latency_s=0.05, interval_ms=100), until)
    waiting = int(np.isinf(course.committed).sum())
    assert course.done + waiting == len(of_posts)
    assert (waiting == 0) == (until == 600.0)
    # In order, none before it came, and none twice: a place is set once.
    assert (np.diff(course.committed[: course.done]) >= 0).all()
    assert (course.committed >= of_posts.arrived).all()
    assert course.until <= until + 1e-9


def test_the_rate_with_a_backlog_is_the_slowest_steps() -> None:
    there = np.zeros(20_000)
    of_posts = posts(there, there, Lengths(), duplicates=0.0, published=0.05, random=np.random.default_rng(1))
    course = simulate(of_posts, USUAL, shape(4_096, latency_s=0.05, interval_ms=100), math.inf)
    first, last = course.committed.min(), course.committed.max()
    rate = (course.committed > first).sum() / (last - first)
    tokens = of_posts.tokens[-1] / len(of_posts)
    full = USUAL.score.of(4_096) / USUAL.score_cores / (4_096 / tokens)
    # The batch is not quite full, and Python takes its share of two cores.
    assert 0.85 / full < rate < 1 / full


def test_python_has_one_core_however_many_there_are() -> None:
    there = np.zeros(50_000)
    of_posts = posts(there, there, ONE, duplicates=0.0, published=0.0, random=np.random.default_rng(1))
    each = costs(prepare=Affine(0.0, 2e-5), decide=Affine(0.0, 3e-5))
    course = simulate(of_posts, each, shape(1_000, interval_ms=10), math.inf)
    assert course.until == pytest.approx(50_000 * 5e-5, rel=0.03)
    assert course.in_python == pytest.approx(1.0, abs=0.03)


def test_latency_rises_with_the_load_once_the_model_is_busy() -> None:
    found = [float(np.quantile(usual(rate).latencies(5, 55), 0.99)) for rate in (150, 300, 400, 450)]
    assert found == sorted(found)
    assert usual(800).latencies(5, 55).mean() > 5 * found[0]


def test_cached_scores_cost_the_model_nothing() -> None:
    none, half, nearly_all = (usual(300, duplicates=share).scoring for share in (0.0, 0.5, 0.95))
    assert none > 1.5 * half > 3 * nearly_all > 0


def test_a_quiet_worker_commits_when_batch_and_transaction_are_due() -> None:
    """A post waits for its batch, then for its transaction: 50 and 100 ms here, and two turns of 5 ms."""
    course = simulate(arrivals(0.5, 200.0), NOTHING, shape(1_000, latency_s=0.05, interval_ms=100), math.inf)
    found = np.sort(course.latencies(0, 200))
    # Few come so close together that they share a transaction.
    assert 0.150 <= np.quantile(found, 0.2) <= found[-1] <= 0.162


def test_bursts_keep_the_mean_and_raise_the_latency() -> None:
    random = np.random.default_rng(3)
    even, uneven = (times(200, 0.0, 600, bursts, random) for bursts in (Bursts(), Bursts(factor=4.0)))
    assert len(uneven) == pytest.approx(len(even), rel=0.03)
    per_second = np.histogram(uneven, bins=600)[0]
    # Two seconds in twenty at four times the rate of the others.
    assert np.quantile(per_second, 0.98) / np.median(per_second) == pytest.approx(4, rel=0.2)

    def p99(arrived: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
        of_posts = posts(arrived, arrived, Lengths(), duplicates=0.0, published=0.05, random=random)
        course = simulate(of_posts, USUAL, shape(4_096, latency_s=0.05, interval_ms=100), math.inf)
        return float(np.quantile(course.latencies(5, 595), 0.99))

    assert p99(uneven) > 1.5 * p99(even)
