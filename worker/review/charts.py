"""Where the marks of the console's charts go, in the units of their SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from worker.judgement import detector_contribution

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.records import Flag

HALF: Final = 150.0
_ROW: Final = 26.0
_LEAST_SCALE: Final = 1.0

RECORD_WIDTH: Final = 480.0
RECORD_HEIGHT: Final = 120.0


class Bar(NamedTuple):
    """What one kind of evidence added to the score, in log-odds.

    Attributes:
        name: `detector`, or the signal's.
        value: the signal's value; None where it could not be read, and for the detector.
        added: to the score's log-odds; above 0: towards a machine.
        x: where the bar begins.
        width: how long it is.
        y: its upper edge.
    """

    name: str
    value: float | None
    added: float
    x: float
    width: float
    y: float


class Mark(NamedTuple):
    """One flag of an author: when the post was made (left to right), and the score (upwards)."""

    flag_id: str
    action: str
    score: float
    posted_ms: int
    x: float
    y: float


def contributions(flag: Flag) -> tuple[Bar, ...]:
    """A bar for the detector and one for each signal: to the right towards a machine, else a person."""
    detector = detector_contribution(flag.score, (signal.contribution for signal in flag.signals))
    rows: list[tuple[str, float | None, float]] = [("detector", None, detector)]
    rows += [(signal.name, signal.value, signal.contribution) for signal in flag.signals]
    scale = HALF / max(_LEAST_SCALE, *(abs(added) for *_, added in rows))
    return tuple(
        Bar(
            name,
            value,
            added,
            x=round(HALF + min(added, 0.0) * scale, 1),
            width=round(abs(added) * scale, 1),
            y=number * _ROW,
        )
        for number, (name, value, added) in enumerate(rows)
    )


def height(bars: Sequence[Bar]) -> float:
    """How high a chart of these bars is."""
    return len(bars) * _ROW


def record(flags: Sequence[tuple[str, str, float, int]]) -> tuple[Mark, ...]:
    """An author's flags over time.

    Args:
        flags: id, action, score and the post's time in milliseconds of each.
    """
    if not flags:
        return ()
    first = min(posted for *_, posted in flags)
    span = max(posted for *_, posted in flags) - first or 1
    return tuple(
        Mark(
            flag_id,
            action,
            score,
            posted,
            x=round((posted - first) / span * RECORD_WIDTH, 1),
            y=round((1 - min(max(score, 0.0), 1.0)) * RECORD_HEIGHT, 1),
        )
        for flag_id, action, score, posted in flags
    )
