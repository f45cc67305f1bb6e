"""Figures as words. One that is missing reads "not measured"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from worker.lab.evaluation.figures import CalibrationError, Estimate, Rate

NOT_MEASURED: Final = "not measured"
NOT_STATED: Final = "not stated"


def number(estimate: Estimate | CalibrationError | None) -> str:
    """A figure with three digits behind the point, and its interval."""
    if estimate is None:
        return NOT_MEASURED
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def change(estimate: Estimate | None) -> str:
    """The same with its sign."""
    if estimate is None:
        return NOT_MEASURED
    return f"{estimate.value:+.3f} ({estimate.low:+.3f} to {estimate.high:+.3f})"


def percent(rate: Rate | Estimate | None) -> str:
    """A share in percent, and its interval."""
    if rate is None:
        return NOT_MEASURED
    return f"{100 * rate.value:.1f} % ({100 * rate.low:.1f} to {100 * rate.high:.1f})"


def share(value: float | None) -> str:
    """A share in percent that has no interval."""
    return NOT_MEASURED if value is None else f"{100 * value:.1f} %"
