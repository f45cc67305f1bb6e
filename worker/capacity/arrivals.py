"""The posts of one worker: when each comes, when it can be read, what it costs the model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from worker.capacity.scenario import Bursts, Lengths

# More posts than this are not drawn: an hour of the fastest worker, and a gigabyte.
MOST_POSTS = 20_000_000


class Posts(NamedTuple):
    """Posts in the order in which the worker reads them.

    Attributes:
        arrived: seconds at which each is on the topic.
        readable: seconds from which this worker can read it; later where it had no owner for a while.
        tokens: tokens before each post that the model has to see; one more than there are posts.
        published: records published before each post; one more than there are posts.
    """

    arrived: NDArray[np.float64]
    readable: NDArray[np.float64]
    tokens: NDArray[np.int64]
    published: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.arrived)


def times(
    rate: float, begin: float, end: float, bursts: Bursts, random: np.random.Generator
) -> NDArray[np.float64]:
    """Arrivals of a Poisson process whose rate rises in bursts, in order; `rate` is its mean.

    In every period of `bursts.every_s` seconds one burst of `bursts.lasts_s` begins at a random moment.
    """
    found = [
        random.uniform(first, last, random.poisson(height * (last - first)))
        for first, last, height in _pieces(rate, begin, end, bursts, random)
    ]
    arrived: NDArray[np.float64] = np.sort(np.concatenate([np.empty(0), *found]))
    return arrived


def _pieces(
    rate: float, begin: float, end: float, bursts: Bursts, random: np.random.Generator
) -> list[tuple[float, float, float]]:
    """Stretches of time, each with its constant rate."""
    if bursts.factor == 1 or bursts.lasts_s >= bursts.every_s:
        return [(begin, end, rate)]
    low = rate * bursts.every_s / (bursts.every_s + (bursts.factor - 1) * bursts.lasts_s)
    pieces = []
    at = begin
    while at < end:
        starts = at + random.uniform(0, bursts.every_s - bursts.lasts_s)
        edges = [at, starts, starts + bursts.lasts_s, at + bursts.every_s]
        heights = [low, low * bursts.factor, low]
        pieces += [
            (min(first, end), min(last, end), height)
            for first, last, height in zip(edges[:-1], edges[1:], heights, strict=True)
        ]
        at += bursts.every_s
    return pieces


def token_lengths(lengths: Lengths, count: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Lengths in tokens: lognormal, rounded, from `lengths.least` to `lengths.most`."""
    drawn = np.exp(random.normal(math.log(lengths.median), lengths.sigma, count))
    return np.clip(np.rint(drawn), lengths.least, lengths.most).astype(np.int64)


def mean_tokens(lengths: Lengths) -> float:
    """Mean of that law, from a fixed sample."""
    return float(token_lengths(lengths, 200_000, np.random.default_rng(0)).mean())


def posts(  # noqa: PLR0913 - all that is drawn from, most by name
    arrived: NDArray[np.float64],
    readable: NDArray[np.float64],
    lengths: Lengths,
    *,
    duplicates: float,
    published: float,
    random: np.random.Generator,
) -> Posts:
    """Posts with lengths and fates drawn at random, put into the order in which they can be read.

    Args:
        arrived: seconds.
        readable: seconds, for each of them.
        lengths: their law.
        duplicates: share of posts whose score is in the cache.
        published: share of posts for which a record is published.
        random: what draws.
    """
    order = np.argsort(readable, kind="stable")
    count = len(arrived)
    tokens = token_lengths(lengths, count, random)
    if duplicates:
        tokens[random.random(count) < duplicates] = 0
    records = random.random(count) < published
    return Posts(arrived[order], readable[order], before(tokens), before(records))


def before(values: NDArray[np.int64] | NDArray[np.bool_]) -> NDArray[np.int64]:
    """Sums of the values before each place, and of them all."""
    sums = np.zeros(len(values) + 1, np.int64)
    np.cumsum(values, out=sums[1:])
    return sums
