"""A line through what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from worker.capacity.costs import Affine

if TYPE_CHECKING:
    from collections.abc import Sequence


def fitted(counts: Sequence[float], seconds: Sequence[float]) -> Affine:
    """Fixed and variable costs, least squares of the relative errors; neither is below zero.

    Args:
        counts: how many things each measurement was of, above zero; at least two different numbers.
        seconds: what it took.
    """
    n, took = np.asarray(counts, float), np.asarray(seconds, float)
    weights = 1 / np.maximum(took, 1e-9)
    columns = np.column_stack([np.ones_like(n), n]) * weights[:, None]
    (fixed, each), *_ = np.linalg.lstsq(columns, took * weights, rcond=None)
    if fixed < 0:
        fixed, each = 0.0, _only(n * weights)
    elif each < 0:
        fixed, each = _only(weights), 0.0
    return Affine(float(fixed), float(each))


def _only(column: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """The one factor that brings a column nearest to one."""
    return float(column.sum() / (column @ column))
