"""Intervals at 95 % confidence, without scipy, for posts that come in clusters: those of one author."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_Z: Final = 1.959963984540054


class Interval(NamedTuple):
    """A figure between its ends."""

    value: float
    low: float
    high: float


def independent(values: Sequence[float], clusters: Sequence[str]) -> float:
    """As how many independent values these count, at most as many as there are.

    Divided by the design effect of their mean, from the variance over clusters (Rao and Scott 1992). Where
    all are equal nothing can be told of it, and they count as they are; one cluster alone counts as one.

    Args:
        values: at least one.
        clusters: of each value, whose it is.
    """
    count = len(values)
    mean = sum(values) / count
    spread = sum((value - mean) ** 2 for value in values)
    sums: defaultdict[str, float] = defaultdict(float)
    for value, cluster in zip(values, clusters, strict=True):
        sums[cluster] += value - mean
    if len(sums) == 1:
        return 1.0
    between = sum(one * one for one in sums.values()) * len(sums) / (len(sums) - 1)
    return min(float(count), count * spread / between) if between else float(count)


def share(hits: int, of: int, worth: float) -> Interval:
    """A share, by Wilson (1927).

    Args:
        hits: how many.
        of: of how many, at least one.
        worth: as how many independent ones they count.
    """
    value = hits / of
    middle = (value + _Z * _Z / (2 * worth)) / (1 + _Z * _Z / worth)
    half = _Z / (1 + _Z * _Z / worth) * math.sqrt(value * (1 - value) / worth + (_Z / (2 * worth)) ** 2)
    return Interval(value, max(0.0, middle - half), min(1.0, middle + half))


def paired_difference(gained: int, lost: int, of: int, worth: float) -> Interval:
    """The difference of two shares of the same posts, by Bonett and Price (2012).

    Args:
        gained: hits of the first alone.
        lost: hits of the second alone.
        of: posts, at least one.
        worth: as how many independent ones they count.
    """
    scale = worth / of
    first, second = (gained * scale + 1) / (worth + 2), (lost * scale + 1) / (worth + 2)
    half = _Z * math.sqrt((first + second - (first - second) ** 2) / (worth + 2))
    middle = first - second
    return Interval((gained - lost) / of, max(-1.0, middle - half), min(1.0, middle + half))


def difference(first: Interval, second: Interval) -> Interval:
    """The difference of two shares of different posts, from their own intervals (Newcombe 1998)."""
    value = first.value - second.value
    down = math.hypot(first.value - first.low, second.high - second.value)
    up = math.hypot(first.high - first.value, second.value - second.low)
    return Interval(value, value - down, value + up)
