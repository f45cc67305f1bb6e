"""A figure over several rounds."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Spread(NamedTuple):
    """Median, least and most of one figure a round."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, figures: Iterable[float]) -> Spread:
        """Of at least one figure."""
        ordered = sorted(figures)
        return cls(statistics.median(ordered), ordered[0], ordered[-1])

    def flat(self, key: str) -> dict[str, float]:
        """As JSON has it: the median under the key itself, the others beside it."""
        return {key: self.median, f"{key}.least": self.least, f"{key}.most": self.most}

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.least:.2f}-{self.most:.2f})"
