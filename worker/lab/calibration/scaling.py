"""Slope and intercept that change with the length of the text: logistic regression with four parameters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from msgspec import Struct
from scipy.optimize import minimize
from scipy.special import expit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from worker.lab.calibrating import Unseen

# A higher logit must never mean a lower probability.
_LEAST_SLOPE: Final = 0.01
# Holds the two ends of the range together where no text tells them apart; data outweigh it.
_TIE: Final = 1e-4


class Line(Struct, frozen=True, kw_only=True):
    """The four parameters, as `Calibration` has them; by length in the natural logarithm of the tokens."""

    slope: float
    intercept: float
    slope_by_length: float = 0.0
    intercept_by_length: float = 0.0


def line_by_length(unseen: Unseen, least: int, most: int) -> Line:
    """Platt's scaling (1999) with slope and intercept linear in the logarithm of the length.

    The parameters that are fitted are those at the two ends of the range, where the slopes are kept above 0:
    between the ends they are above it too.

    Args:
        unseen: texts of both labels; those outside the range count as at its nearer end.
        least: fewest tokens of the range, at least 1.
        most: most tokens of the range.
    """
    if least >= most:
        return constant_line(unseen)
    low, high = math.log(least), math.log(most)
    place = (np.log(np.clip(unseen.tokens, least, most)) - low) / (high - low)
    columns = np.stack([unseen.logits * (1 - place), unseen.logits * place, 1 - place, place], axis=1)
    first_slope, last_slope, first, last = _fitted(unseen, columns, slopes=2)
    by_slope, by_intercept = (last_slope - first_slope) / (high - low), (last - first) / (high - low)
    return Line(
        slope=first_slope - by_slope * low,
        intercept=first - by_intercept * low,
        slope_by_length=by_slope,
        intercept_by_length=by_intercept,
    )


def constant_line(unseen: Unseen) -> Line:
    """Platt's scaling (1999), the same for all lengths, with a slope above 0."""
    slope, intercept = _fitted(
        unseen, np.stack([unseen.logits, np.ones_like(unseen.logits)], axis=1), slopes=1
    )
    return Line(slope=slope, intercept=intercept)


def _fitted(unseen: Unseen, columns: NDArray[np.float64], *, slopes: int) -> list[float]:
    """The coefficients with the least weighted mean log loss; the first `slopes` of them above 0."""
    weights = unseen.weights / unseen.weights.sum()
    labels = unseen.machine.astype(np.float64)
    signs = np.where(unseen.machine, 1.0, -1.0)
    pairs = columns.shape[1] // 2 if slopes > 1 else 0

    def loss(coefficients: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        log_odds = columns @ coefficients
        value = weights @ np.logaddexp(0.0, -signs * log_odds)
        gradient = columns.T @ (weights * (expit(log_odds) - labels))
        for pair in range(pairs):
            apart = coefficients[2 * pair + 1] - coefficients[2 * pair]
            value += _TIE / 2 * apart**2
            gradient[2 * pair + 1] += _TIE * apart
            gradient[2 * pair] -= _TIE * apart
        return float(value), gradient

    free: tuple[Any, Any] = (None, None)
    bounds = [(_LEAST_SLOPE, None)] * slopes + [free] * (columns.shape[1] - slopes)
    start = np.array([1.0] * slopes + [0.0] * (columns.shape[1] - slopes))
    options = {"maxiter": 1_000, "ftol": 1e-14, "gtol": 1e-9}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    coefficients: list[float] = found.x.tolist()
    return coefficients
