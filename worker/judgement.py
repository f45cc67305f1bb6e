"""From the detector's word and the signals to a score and an action.

    score = sigmoid(detector.weight x calibrated log-odds + sum of the signals' contributions)

No share of machine-written posts is assumed: a score is a measure of evidence, not the chance that the post
is machine-written.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple, get_args

from worker.detector.calibration import sigmoid
from worker.policy import Acting

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from worker.policy import Policy, SignalRule
    from worker.records import Action

ACTING: Final[tuple[Acting, ...]] = get_args(Acting)
# From nothing to the most: an action is held down by taking the smaller of two ranks.
_RANK: Final = {"pass": 0} | {action: rank for rank, action in enumerate(ACTING, start=1)}
# Numbers in a flag have so many digits: enough for any reader, and the same wherever they are worked out.
DIGITS: Final = 6
_NEAREST: Final = 1e-9


class Judgement(NamedTuple):
    """What a policy makes of one post.

    Attributes:
        action: what is to be done.
        score: between 0 and 1.
        contributions: log-odds that each signal added, in the order in which the values came.
        held: the action that the score would have brought about had it been supported; None where it was.
    """

    action: Action
    score: float
    contributions: Sequence[float]
    held: Acting | None


class Judge:
    """Applies a policy. Pure: the same readings give the same judgement.

    Args:
        policy: the policy.
        signals: names of the signals, in the order in which their values will come.
    """

    def __init__(self, policy: Policy, signals: Sequence[str]) -> None:
        self._weight = policy.detector.weight
        self._most = policy.detector.most
        self._alone = _RANK[policy.detector.alone]
        self._corroboration = policy.detector.corroboration
        self._thresholds = policy.thresholds
        rules: list[SignalRule | None] = [getattr(policy.signals, name) for name in signals]
        self._scales = [(place, _Scale(rule)) for place, rule in enumerate(rules) if rule is not None]
        self._nothing_added = [0.0] * len(rules)

    def decide(
        self, log_odds: float | None, values: Sequence[float | None], *, confident: bool = True
    ) -> Judgement:
        """The judgement on one post.

        Where the detector is not calibrated for the post its evidence is not used, and the action is
        `abstain` unless the signals alone carry the score to a threshold.

        Args:
            log_odds: the detector's calibrated log-odds, or None where it is not calibrated for the post.
            values: the signals' values, None where missing: those add nothing.
            confident: whether the detector's probability is above its own threshold.
        """
        total = 0.0
        supported = 0
        contributions = self._nothing_added.copy()
        for place, scale in self._scales:
            value = values[place]
            if value is None:
                continue
            if added := scale.contribution(value):
                contributions[place] = added
                total += added
                if added >= self._corroboration and scale.rank > supported:
                    supported = scale.rank
        if log_odds is not None:
            total += max(-self._most, min(self._most, self._weight * log_odds))
            if confident and self._alone > supported:
                supported = self._alone
        score = round(sigmoid(total), DIGITS)
        reached = self._reached(score)
        rank = min(reached, supported)
        action: Action = ACTING[rank - 1] if rank else "pass" if log_odds is not None else "abstain"
        return Judgement(action, score, contributions, ACTING[reached - 1] if rank < reached else None)

    def _reached(self, score: float) -> int:
        thresholds = self._thresholds
        if score < thresholds.label:
            return 0
        return 1 if score < thresholds.review else 2 if score < thresholds.limit else 3


class _Scale:
    """A signal's rule with its constants worked out."""

    __slots__ = ("_least", "_logarithmic", "_most", "_neutral", "_weight", "rank")

    def __init__(self, rule: SignalRule) -> None:
        self._weight = rule.weight
        self._logarithmic = rule.transform == "log1p"
        self._neutral = math.log1p(rule.neutral) if self._logarithmic else rule.neutral
        # Rounded as they will stand in the flag; adding zero turns a negative zero into zero.
        self._least = round(rule.least, DIGITS) + 0.0
        self._most = round(rule.most, DIGITS)
        self.rank = _RANK[rule.supports]

    def contribution(self, value: float) -> float:
        """Log-odds that the value adds, rounded as it will stand in the flag."""
        # A value below zero has no logarithm here: it counts as zero, whose sense is the nearest.
        transformed = value if not self._logarithmic else math.log1p(value) if value > 0 else 0.0
        added = self._weight * (transformed - self._neutral)
        if added <= self._least:
            return self._least
        return self._most if added >= self._most else round(added, DIGITS) + 0.0


def detector_contribution(score: float, contributions: Iterable[float]) -> float:
    """The log-odds that the detector added: what a score holds beyond the signals' contributions."""
    score = min(max(score, _NEAREST), 1 - _NEAREST)
    return round(math.log(score / (1 - score)) - sum(contributions), 3)
