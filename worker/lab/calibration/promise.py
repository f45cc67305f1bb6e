"""What a threshold promises of human texts it has not seen, and how many texts of theirs it takes."""

from __future__ import annotations

import math
from typing import Final, Literal

from worker.lab.calibrating import upper_bound

Method = Literal["clopper-pearson", "conformal"]

PROMISES: Final[dict[Method, str]] = {
    "clopper-pearson": (
        "with {confidence:.4g} % confidence in this very threshold, at most {rate:.4g} % of human texts like "
        "these exceed it"
    ),
    "conformal": (
        "averaged over thresholds set in this way, a further human text like these exceeds it with a chance "
        "of at most {rate:.4g} %; a single threshold may do worse"
    ),
}
# What is meant is the rate as it is written, whatever its last binary digits are.
_SLACK: Final = 1e-9


def most_above(method: Method, count: int, rate: float, confidence: float) -> int | None:
    """How many of so many human texts may exceed a threshold that they set; None where they are too few.

    By `clopper-pearson` the upper bound (Clopper and Pearson 1934, one-sided) of the share is at most the
    rate; for a threshold at an order statistic it holds exactly (Wilks 1941). By `conformal` a text exceeds
    the threshold where its split-conformal p-value, (1 + texts that score as high) / (1 + texts), is at most
    the rate (Vovk, Gammerman and Shafer 2005).

    Args:
        method: which promise.
        count: the texts.
        rate: the share of human texts that may exceed the threshold.
        confidence: for `clopper-pearson`.
    """
    if method == "conformal":
        most = math.floor(rate * (count + 1) + _SLACK) - 1
        return most if most >= 0 else None
    if count == 0 or upper_bound(0, count, confidence) > rate + _SLACK:
        return None
    low, high = 0, count
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (
            (middle, high) if upper_bound(middle, count, confidence) <= rate + _SLACK else (low, middle)
        )
    return low


def humans_needed(method: Method, rate: float, confidence: float) -> int:
    """How many human texts a threshold for the rate takes at least."""
    if method == "conformal":
        return max(1, math.ceil(1 / rate - _SLACK) - 1)
    return math.ceil(math.log(1 - confidence) / math.log1p(-rate) - _SLACK)


def promise(method: Method, rate: float, confidence: float) -> str:
    """What is promised, in words."""
    return PROMISES[method].format(rate=100 * rate, confidence=100 * confidence)
