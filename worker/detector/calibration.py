"""From a logit to a probability, and the range in which that probability means something."""

from __future__ import annotations

import math
from typing import Literal

from msgspec import Struct

NumberFormat = Literal["float32", "bfloat16", "float16", "int8"]


class Calibration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Platt scaling (Platt 1999) with the range it was fitted on.

    probability = sigmoid(slope * logit + intercept). `threshold` is a probability that at most
    `false_positive_bound` of held-out human texts exceeded, at the stated confidence. An empty `languages`
    means that no language was calibrated; `None` that the detector has no calibration at all is written as
    `fitted = False`: its probabilities are then plain sigmoids and `covers` is always false. `number_format`
    is what its logits were computed in; `None` where the detector has one format only, else it means float32.
    """

    fitted: bool = False
    slope: float = 1.0
    intercept: float = 0.0
    min_tokens: int = 0
    max_tokens: int | None = None
    languages: tuple[str, ...] = ()
    threshold: float | None = None
    false_positive_bound: float | None = None
    number_format: NumberFormat | None = None

    @property
    def threshold_log_odds(self) -> float:
        """The threshold as calibrated log-odds; where there is none, what every text is above."""
        threshold = self.threshold
        if threshold is None or threshold <= 0:
            return -math.inf
        return math.log(threshold) - math.log1p(-threshold) if threshold < 1 else math.inf

    def log_odds(self, logit: float) -> float:
        """The calibrated log-odds that a machine wrote the text."""
        return self.slope * logit + self.intercept

    def probability(self, logit: float) -> float:
        """The calibrated probability, between 0 and 1, that a machine wrote the text."""
        return sigmoid(self.log_odds(logit))

    def covers(self, *, tokens: int, lang: str | None) -> bool:
        """Whether a text of this length and language lies inside the calibrated range.

        A post without a language is taken to be in one of the calibrated ones only by the caller's choice:
        here a missing language is not covered by a guess, it is accepted, since most topics carry none.
        """
        if not self.fitted or tokens < self.min_tokens:
            return False
        if self.max_tokens is not None and tokens > self.max_tokens:
            return False
        return lang is None or lang.split("-")[0].lower() in self.languages


def sigmoid(x: float) -> float:
    """The logistic function, without overflow."""
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)
