"""Measures of weighted texts, for many weightings at once: the texts as they are, and bootstrap draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from worker.lab.intervals import aurocs

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Weights are small whole numbers or shares of them, so sums differ from what they should be by less.
_ROUNDING: Final = 1e-9


class Ranking:
    """How logits order texts.

    Args:
        logits: shape (texts,).
        machine: shape (texts,): whether a machine wrote it.
    """

    def __init__(self, logits: NDArray[np.float64], machine: NDArray[np.bool_]) -> None:
        self._machine = machine
        self._logits = logits
        self._order = np.argsort(logits, kind="stable")
        self._ordered_machine = machine[self._order]
        ordered = logits[self._order]
        # Where each run of equal logits begins.
        self._starts = np.flatnonzero(np.diff(ordered, prepend=-np.inf) > 0)

    def auroc(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """The chance that a machine's text has a higher logit than a human's, equal ones counting half.

        Args:
            weights: shape (draws, texts).

        Returns:
            Shape (draws,); no number where a label has no weight.
        """
        machine = self._machine
        return aurocs(
            self._logits[~machine], self._logits[machine], weights[:, ~machine], weights[:, machine]
        )

    def found_at(self, weights: NDArray[np.float64], false_positives: float) -> NDArray[np.float64]:
        """The share of the machines' above the lowest logit that at most a share of the humans' exceeds.

        Args:
            weights: shape (draws, texts).
            false_positives: that share.

        Returns:
            Shape (draws,); no number where a label has no weight.
        """
        human, machine = self._by_logit(weights)
        humans = human.sum(axis=1, keepdims=True)
        above = humans - np.cumsum(human, axis=1)
        first = np.argmax(above <= false_positives * humans + _ROUNDING, axis=1)
        machines = machine.sum(axis=1)
        found = machines - np.cumsum(machine, axis=1)[np.arange(len(weights)), first]
        return ratios(np.where(humans[:, 0] > 0, found, np.nan), machines)

    def _by_logit(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The weights of the humans' and of the machines' texts at each logit: shape (draws, logits)."""
        ordered = weights[:, self._order]
        human = np.add.reduceat(np.where(self._ordered_machine, 0.0, ordered), self._starts, axis=1)
        machine = np.add.reduceat(np.where(self._ordered_machine, ordered, 0.0), self._starts, axis=1)
        return human, machine


def balanced_accuracy(
    weights: NDArray[np.float64], machine: NDArray[np.bool_], above: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The mean of the shares judged rightly of the machines' and of the humans' texts.

    Args:
        weights: shape (draws, texts).
        machine: shape (texts,): whether a machine wrote it.
        above: shape (texts,): whether it is above the threshold.

    Returns:
        Shape (draws,); no number where a label has no weight.
    """
    found = ratios(weights @ (machine & above), weights @ machine)
    return (found + ratios(weights @ (~machine & ~above), weights @ ~machine)) / 2


def brier(
    weights: NDArray[np.float64], probabilities: NDArray[np.float64], machine: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The mean squared distance of the probability from the truth (Brier 1950).

    Args:
        weights: shape (draws, texts).
        probabilities: shape (texts,).
        machine: shape (texts,).

    Returns:
        Shape (draws,); no number where nothing has weight.
    """
    return ratios(weights @ (probabilities - machine) ** 2, weights.sum(axis=1))


def ratios(parts: NDArray[np.float64], wholes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each part over its whole; no number where there is nothing."""
    out: NDArray[np.float64] = np.full(wholes.shape, np.nan)
    np.divide(parts, wholes, out=out, where=wholes > 0)
    return out
