"""A sequential test of a rate: posts are looked at one by one, and evidence adds up until it suffices.

The cumulative sum of log-likelihood ratios (Page 1954) of one Bernoulli rate against another (Reynolds and
Stoumbos 1999), the second with `odds_ratio` times the odds of the first (Steiner, Cook, Farewell and Treasure
2000). With k for the odds ratio, p for the usual share and x = 1 for a post with the action, else 0,

    level = max(0, level + (x ln k - ln(1 + (k - 1) p)) / dispersion),   off the rate once level >= threshold.

At the usual share the mean number of posts until then is at least exp(threshold): each excursion from 0 is
Wald's test (1947), which reaches the threshold with a chance of at most exp(-threshold), and Lorden (1971)
adds them up. That is for posts that are independent. They are not: an author's or a campaign's flags come
together. Dividing by `dispersion` makes so many flags in a row count as one (a quasi-likelihood, Wedderburn
1974), which keeps the bound for clumps of up to that size.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Design(NamedTuple):
    """What the test is to find, and how sure it is to be.

    Attributes:
        odds_ratio: odds that are to be found, over the usual ones; below 1: a share that has fallen.
        dispersion: flags that come together and count as one; 1 or more.
        threshold: level at which the rate counts as off: the logarithm of the least mean number of posts
            between two false alarms.
    """

    odds_ratio: float
    dispersion: float
    threshold: float

    def steps(self, usual: float) -> tuple[float, float]:
        """What a post with the action and one without it add to the level, at a usual share."""
        base = math.log1p((self.odds_ratio - 1) * usual)
        return (math.log(self.odds_ratio) - base) / self.dispersion, -base / self.dispersion

    def tolerated(self, usual: float) -> float:
        """The share up to which (for an odds ratio below 1: down to which) the level does not grow."""
        return math.log1p((self.odds_ratio - 1) * usual) / math.log(self.odds_ratio)

    def posts_to_trip(self, usual: float, share: float) -> int | None:
        """Posts from level 0 to the threshold at this share; None: more than can be told, it may never come.

        Exact for a share of 0 or 1, else Wald's mean.
        """
        hit, miss = self.steps(usual)
        drift = share * hit + (1 - share) * miss
        return math.ceil(self.threshold / drift) if drift > 0 else None


class Excursion(NamedTuple):
    """What was seen since the level last stood at 0."""

    hits: int
    posts: int


class Cusum:
    """The level of one test, fed in runs of posts.

    Args:
        design: the test.
    """

    def __init__(self, design: Design) -> None:
        self._design = design
        self.restart()

    def restart(self) -> None:
        """Forgets all evidence."""
        self.level = 0.0
        self._hits = self._posts = 0

    @property
    def excursion(self) -> Excursion:
        """The posts since the level last stood at 0."""
        return Excursion(self._hits, self._posts)

    def add(self, usual: float, hits: Sequence[int], count: int) -> int | None:
        """Takes a run of posts in. It costs a step for each hit, not for each post.

        Args:
            usual: the usual share, between 0 and 1.
            hits: which of them have the action, counted from 0, ascending.
            count: how many posts they are.

        Returns:
            The post at which the threshold is reached, counted from 0; what comes after it is not looked at.
            None: it is not reached.
        """
        hit, miss = self._design.steps(usual)
        next_ = 0
        for place in hits:
            if (reached := self._pass(place - next_, miss)) is not None:
                return next_ + reached
            self._step(hit)
            if self.level >= self._design.threshold:
                return place
            next_ = place + 1
        reached = self._pass(count - next_, miss)
        return None if reached is None else next_ + reached

    def _step(self, hit: float) -> None:
        self._hits += 1
        self._posts += 1
        self.level += hit
        self._floor()

    def _pass(self, posts: int, miss: float) -> int | None:
        """So many posts without the action; returns the one at which the threshold is reached, or None."""
        needed = math.ceil((self._design.threshold - self.level) / miss) if miss > 0 else posts + 1
        taken = min(posts, needed)
        self._posts += taken
        self.level += taken * miss
        self._floor()
        return needed - 1 if needed <= posts else None

    def _floor(self) -> None:
        if self.level <= 0:
            self.level = 0.0
            self._hits = self._posts = 0
