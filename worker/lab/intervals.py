"""From counts and draws to figures with their intervals, at 95 % confidence."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.stats import beta

from worker.lab.evaluation.figures import Estimate, Rate

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

CONFIDENCE: Final = 0.95
_DRAWS_AT_ONCE: Final = 50


def rate(count: int, of: int, *, design_effect: float = 1.0) -> Rate:
    """The share and its two-sided interval, by Clopper and Pearson (1934).

    Args:
        count: how many.
        of: of how many, at least one.
        design_effect: how many times larger the share's variance is than if all had been drawn independently;
            the interval is that of so many times fewer (Korn and Graubard 1998).
    """
    hits, misses = count / design_effect, (of - count) / design_effect
    tail = (1 - CONFIDENCE) / 2
    low = 0.0 if count == 0 else float(beta.ppf(tail, hits, misses + 1))
    high = 1.0 if count == of else float(beta.ppf(1 - tail, hits + 1, misses))
    return Rate(count=count, of=of, value=count / of, low=low, high=high)


def difference(one: tuple[int, int], other: tuple[int, int]) -> Estimate:
    """How much larger one share is than another of other texts, and the two-sided interval of that.

    By Newcombe (1998), method 10: from both shares' score intervals (Wilson 1927).

    Args:
        one: how many, and of how many, at least one.
        other: the same of the share that is subtracted.
    """
    (first, low_first, high_first), (second, low_second, high_second) = _score(*one), _score(*other)
    value = first - second
    return Estimate(
        value=value,
        low=value - math.hypot(first - low_first, high_second - second),
        high=value + math.hypot(high_first - first, second - low_second),
    )


def _score(count: int, of: int) -> tuple[float, float, float]:
    """A share and its score interval."""
    share, squared = count / of, NormalDist().inv_cdf((1 + CONFIDENCE) / 2) ** 2
    middle = (share + squared / (2 * of)) / (1 + squared / of)
    half = math.sqrt(squared * (share * (1 - share) / of + squared / (4 * of**2))) / (1 + squared / of)
    return share, middle - half, middle + half


def design_effect(hits: NDArray[np.bool_], clusters: NDArray[np.int64]) -> float | None:
    """How many times larger the variance of the share of hits is for coming in clusters, at least 1.

    Rao and Scott (1992), from the variance of a ratio over the clusters, such as authors. The texts of one
    cluster alone count as one. None where there is no hit or nothing else, as nothing can be told then.

    Args:
        hits: shape (texts,).
        clusters: shape (texts,), from 0.
    """
    count = len(hits)
    share = float(hits.mean()) if count else 0.0
    if share in {0.0, 1.0}:
        return None
    sizes = np.bincount(clusters)
    within = np.bincount(clusters, weights=hits)[sizes > 0]
    sizes = sizes[sizes > 0]
    if len(sizes) == 1:
        return float(count)
    spread = float(((within - share * sizes) ** 2).sum()) * len(sizes) / (len(sizes) - 1)
    return max(1.0, spread / (count * share * (1 - share)))


def clustered_rate(hits: NDArray[np.bool_], clusters: NDArray[np.int64]) -> Rate:
    """The share of hits among at least one text that come in clusters, and its interval."""
    return rate(int(hits.sum()), len(hits), design_effect=design_effect(hits, clusters) or 1.0)


def numbered(clusters: Sequence[Hashable]) -> NDArray[np.int64]:
    """Equal ones get the same number, from 0 in the order of their first appearance."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(one, len(numbers)) for one in clusters], dtype=np.int64)


def mean(values: NDArray[np.float64], drawn: NDArray[np.float64]) -> Estimate:
    """The mean of at least one value; `drawn` says how often each is drawn, shape (draws, values)."""
    return estimate(float(values.mean()), means(values, drawn))


def means(values: NDArray[np.float64], drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of each draw, shape (draws,); NaN where a draw has none of the values."""
    totals = drawn.sum(axis=1)
    found = np.full(len(drawn), np.nan)
    np.divide(drawn @ values, totals, out=found, where=totals > 0)
    return found


def aurocs(
    human: NDArray[np.float64],
    machine: NDArray[np.float64],
    human_drawn: NDArray[np.float64],
    machine_drawn: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The AUROC of each draw.

    Args:
        human: logits, shape (humans,).
        machine: logits, shape (machines,).
        human_drawn: how often each is drawn, shape (draws, humans).
        machine_drawn: the same for the machines', shape (draws, machines).

    Returns:
        Shape (draws,); NaN where a draw has no human or no machine.
    """
    order = np.argsort(human, kind="stable")
    ordered = human[order]
    below = np.searchsorted(ordered, machine, "left")
    not_above = np.searchsorted(ordered, machine, "right")
    found = []
    for begin in range(0, len(human_drawn), _DRAWS_AT_ONCE):
        part = slice(begin, begin + _DRAWS_AT_ONCE)
        weights = human_drawn[part][:, order]
        summed = np.concatenate([np.zeros((len(weights), 1)), weights.cumsum(axis=1)], axis=1)
        theirs = machine_drawn[part]
        won = (theirs * (summed[:, below] + summed[:, not_above])).sum(axis=1) / 2
        pairs = summed[:, -1] * theirs.sum(axis=1)
        found.append(np.divide(won, pairs, out=np.full(len(won), np.nan), where=pairs > 0))
    return np.concatenate(found)


def estimate(value: float, drawn: NDArray[np.float64]) -> Estimate:
    """A figure with the percentiles of what the draws gave for it (Efron 1979).

    Args:
        value: the figure.
        drawn: shape (draws,); NaN where a draw gave nothing, which does not count.
    """
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.nanpercentile(drawn, [tail, 100 - tail])
    return Estimate(value=value, low=float(low), high=float(high))
