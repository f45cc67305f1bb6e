"""From a logit to a probability, and the range in which that probability means something."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from msgspec import Meta, Struct

NumberFormat = Literal["float32", "bfloat16", "float16", "int8"]


class LanguageRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the language of a post that states none is told.

    Attributes:
        identifier: which identifier of `worker.language`.
        version: of its package, whose model may change with it.
        minimum: the probability from which its word for another language is taken.
    """

    identifier: str
    version: str
    minimum: Annotated[float, Meta(ge=0, le=1)]


class Calibration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Platt scaling (Platt 1999), by length if need be, with the range it was fitted on.

    probability = sigmoid(a * logit + b), where a = slope + slope_by_length * ln(tokens) and b = intercept +
    intercept_by_length * ln(tokens); outside the range of lengths a and b are those at its nearer end.
    `threshold` is a probability that at most `false_positive_bound` of held-out human texts exceeded, at the
    stated confidence. An empty `languages`
    means that no language was calibrated; `None` that the detector has no calibration at all is written as
    `fitted = False`: its probabilities are then plain sigmoids and `covers` is always false. `number_format`
    is what its logits were computed in; `None` where the detector has one format only, else it means float32.
    `languages_by` tells the language of posts without one; `None`: they are taken to be in a calibrated one.
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
    slope_by_length: float = 0.0
    intercept_by_length: float = 0.0
    languages_by: LanguageRule | None = None

    def __post_init__(self) -> None:
        if not self.by_length:
            return
        if self.max_tokens is None or not 1 <= self.min_tokens <= self.max_tokens:
            raise ValueError("a calibration by length needs `min_tokens` from 1 up to `max_tokens`")
        # It is linear in the logarithm, so between the ends it lies between its values there.
        if min(self._line(tokens)[0] for tokens in (self.min_tokens, self.max_tokens)) <= 0:
            raise ValueError("`slope` and `slope_by_length` must give a slope above 0 at all covered lengths")

    @property
    def by_length(self) -> bool:
        """Whether slope or intercept depend on the length."""
        return self.slope_by_length != 0 or self.intercept_by_length != 0

    @property
    def threshold_log_odds(self) -> float:
        """The threshold as calibrated log-odds; where there is none, what every text is above."""
        threshold = self.threshold
        if threshold is None or threshold <= 0:
            return -math.inf
        return math.log(threshold) - math.log1p(-threshold) if threshold < 1 else math.inf

    def log_odds(self, logit: float, tokens: int) -> float:
        """The calibrated log-odds that a machine wrote a text of so many tokens."""
        slope, intercept = self._line(tokens) if self.by_length else (self.slope, self.intercept)
        return slope * logit + intercept

    def probability(self, logit: float, tokens: int) -> float:
        """The calibrated probability, between 0 and 1, that a machine wrote a text of so many tokens."""
        return sigmoid(self.log_odds(logit, tokens))

    def covers(self, *, tokens: int, lang: str | None) -> bool:
        """Whether a text of this length and language lies inside the calibrated range.

        A missing language is accepted: most topics carry none. `worker.language` tells it from the text where
        `languages_by` says so.
        """
        if not self.fitted or tokens < self.min_tokens:
            return False
        if self.max_tokens is not None and tokens > self.max_tokens:
            return False
        return lang is None or lang.split("-")[0].lower() in self.languages

    def _line(self, tokens: int) -> tuple[float, float]:
        """Slope and intercept at a length."""
        most = tokens if self.max_tokens is None else min(tokens, self.max_tokens)
        size = math.log(max(most, self.min_tokens, 1))
        return self.slope + self.slope_by_length * size, self.intercept + self.intercept_by_length * size


def sigmoid(x: float) -> float:
    """The logistic function, without overflow."""
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)
