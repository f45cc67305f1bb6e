"""Whether two shares differ beyond chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import binomtest, fisher_exact

if TYPE_CHECKING:
    from collections.abc import Sequence


def fisher(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Two-sided p-value of Fisher's exact test.

    Args:
        one: (how many, of how many), divided by the design effect where the texts come in clusters (Rao and
            Scott 1992), so not always whole; the test is of the nearest whole numbers.
        other: the same for what it is compared with.
    """
    table = [(hits := round(count), max(0, round(of) - hits)) for count, of in (one, other)]
    return float(fisher_exact(table).pvalue)


def mcnemar(gained: int, lost: int) -> float:
    """Two-sided p-value of McNemar's exact test: of so many changes either way, if both were as likely."""
    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """The p-values corrected for their number (Holm 1979), in their order; None stays and does not count."""
    known = [at for at, p in enumerate(p_values) if p is not None]
    values = np.array([p_values[at] for at in known], dtype=np.float64)
    order = np.argsort(values, kind="stable")
    stepped = np.minimum(1.0, np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)))
    corrected: list[float | None] = [None] * len(p_values)
    for at, value in zip(order.tolist(), stepped.tolist(), strict=True):
        corrected[known[at]] = value
    return corrected
