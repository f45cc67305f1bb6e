"""Whether probabilities mean what they say: expected calibration error and the reliability curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from worker.lab.evaluation.figures import CalibrationError
from worker.lab.evaluation.measures import ratios
from worker.lab.evaluation.report import ReliabilityBin
from worker.lab.intervals import CONFIDENCE, estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from worker.lab.evaluation.figures import Estimate

BINS: Final = 10
# A bin of fewer texts says nothing.
_FEWEST_IN_A_BIN: Final = 10
_CHANCES: Final = 1_000
_AT_ONCE: Final = 2_000_000


class Reliability:
    """Probabilities in bins of equal mass (Nguyen and O'Connor 2015): each holds as much weight as the next.

    Bins of equal width would leave most of them nearly empty. Up to ten bins, of at least ten texts on
    average; texts with the same probability are in the same bin.

    Args:
        probabilities: shape (texts,).
        machine: shape (texts,): whether a machine wrote it.
        weights: shape (texts,): how much each text counts.
    """

    def __init__(
        self,
        probabilities: NDArray[np.float64],
        machine: NDArray[np.bool_],
        weights: NDArray[np.float64],
    ) -> None:
        self._probabilities = probabilities
        self._machine = machine
        self._weights = weights
        bins = max(1, min(BINS, len(probabilities) // _FEWEST_IN_A_BIN))
        self._bin_of = _bins(probabilities, weights, bins)
        self._member = self._bin_of[:, None] == np.arange(self._bin_of.max(initial=0) + 1)

    def error(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """The expected calibration error of each draw.

        Args:
            times: how often each text was drawn, shape (draws, texts).

        Returns:
            Shape (draws,); no number where nothing has weight.
        """
        return self._error(times * self._weights, self._machine)

    def machine_shares(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """The share of machines in each bin of each draw: shape (draws, bins)."""
        weights = times * self._weights
        return ratios((weights * self._machine) @ self._member, weights @ self._member)

    def summary(self, error: Estimate, seed: int) -> CalibrationError:
        """The error with what chance alone would make of it.

        Args:
            error: with its interval.
            seed: of the chance.
        """
        return CalibrationError(
            value=error.value, low=error.low, high=error.high, by_chance=self._by_chance(seed)
        )

    def curve(self, draws: NDArray[np.float64]) -> tuple[ReliabilityBin, ...]:
        """The reliability curve, lowest probability first.

        Args:
            draws: the shares of the bootstrap draws, shape (draws, bins).
        """
        shares = self.machine_shares(np.ones((1, len(self._weights))))[0]
        total = self._weights @ self._member
        means = (self._weights * self._probabilities) @ self._member / total
        return tuple(
            ReliabilityBin(
                texts=int(self._member[:, one].sum()),
                probability=float(means[one]),
                machine=estimate(float(shares[one]), draws[:, one]),
            )
            for one in range(len(shares))
        )

    def _error(self, weights: NDArray[np.float64], machine: NDArray[np.bool_]) -> NDArray[np.float64]:
        off = np.abs((weights * (self._probabilities - machine)) @ self._member).sum(axis=1)
        return ratios(off, weights.sum(axis=1))

    def _by_chance(self, seed: int) -> float:
        """As Bröcker and Smith (2007) do it: labels drawn by the probabilities themselves."""
        random = np.random.default_rng(seed)
        texts = len(self._weights)
        at_once = max(1, _AT_ONCE // max(1, texts))
        errors = []
        for begin in range(0, _CHANCES, at_once):
            some = min(at_once, _CHANCES - begin)
            machine = random.random((some, texts)) < self._probabilities
            errors.append(self._error(np.broadcast_to(self._weights, machine.shape), machine))
        return float(np.quantile(np.concatenate(errors), CONFIDENCE))


def _bins(probabilities: NDArray[np.float64], weights: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """The bin of each text, from 0 on without a gap."""
    order = np.argsort(probabilities, kind="stable")
    ordered = probabilities[order]
    middle = np.cumsum(weights[order]) - weights[order] / 2
    rank = np.minimum((middle / weights.sum() * count).astype(int), count - 1)
    # A run of equal probabilities goes where its first text is.
    begins = np.flatnonzero(np.diff(ordered, prepend=-np.inf) > 0)
    rank = np.repeat(rank[begins], np.diff(begins, append=len(order)))
    bin_of = np.empty(len(order), np.int64)
    bin_of[order] = np.unique(rank, return_inverse=True)[1]
    return bin_of
