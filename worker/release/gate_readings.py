"""From a figure with its interval to passed, failed, or too little to tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.records import GateReading

if TYPE_CHECKING:
    from worker.records import GateName, GateStatus
    from worker.release.intervals import Interval


def reading(  # noqa: PLR0913 - what a reading is made of
    gate: GateName,
    found: Interval,
    limit: float,
    *,
    count: int,
    least: int,
    detail: str,
    one_sided: bool = False,
) -> GateReading:
    """Of a figure between its ends.

    Args:
        gate: its name.
        found: the figure.
        limit: most that it may be, and least with the sign turned.
        count: of how many posts it is.
        least: of how many it must be to be passed.
        detail: one sentence.
        one_sided: whether it may be as small as it likes.
    """
    lower = -1.0 if one_sided else -limit
    status: GateStatus = "too-little"
    if found.low > limit or found.high < lower:
        status = "fail"
    elif count >= least and found.high <= limit and found.low >= lower:
        status = "pass"
    return GateReading(
        gate=gate,
        status=status,
        value=round(found.value, 6),
        low=round(found.low, 6),
        high=round(found.high, 6),
        limit=limit,
        count=count,
        detail=detail if count >= least else f"{detail}; {least} are needed",
    )


def unmeasured(gate: GateName, limit: float | None, detail: str) -> GateReading:
    """Of a gate for which there is nothing to measure."""
    return GateReading(
        gate=gate,
        status="not-measured",
        value=None,
        low=None,
        high=None,
        limit=limit,
        count=0,
        detail=detail,
    )
