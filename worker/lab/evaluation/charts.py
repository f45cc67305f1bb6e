"""Where the marks of the page's charts go, in the units of their SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.lab.evaluation.figures import Estimate
    from worker.lab.evaluation.report import ReliabilityBin

SIDE: Final = 300.0
_ROW: Final = 22.0


class Point(NamedTuple):
    """A mark with its interval, top down or left to right.

    Attributes:
        label: what it stands for.
        x: where it is.
        y: where it is.
        low: where its interval begins.
        high: where that ends.
    """

    label: str
    x: float
    y: float
    low: float
    high: float


class Curve(NamedTuple):
    """A square chart from 0 to 1 both ways.

    Attributes:
        side: its width and height.
        points: left to right, intervals along y.
        line: the points as SVG's `polyline` wants them.
    """

    side: float
    points: tuple[Point, ...]
    line: str


class Whiskers(NamedTuple):
    """Rows from 0 to 1.

    Attributes:
        width: of the part from 0 to 1.
        height: of all rows.
        points: top down, intervals along x.
    """

    width: float
    height: float
    points: tuple[Point, ...]


def curve(bins: Sequence[ReliabilityBin]) -> Curve:
    """The reliability curve: what was said to the right, what was so upwards."""
    points = tuple(
        Point(
            label=f"{one.texts} texts",
            x=_rounded(one.probability),
            y=_rounded(1 - one.machine.value),
            low=_rounded(1 - one.machine.low),
            high=_rounded(1 - one.machine.high),
        )
        for one in bins
    )
    return Curve(SIDE, points, " ".join(f"{point.x:g},{point.y:g}" for point in points))


def whiskers(rows: Sequence[tuple[str, Estimate]]) -> Whiskers:
    """A row for each figure."""
    points = tuple(
        Point(
            label=label,
            x=_rounded(value.value),
            y=(number + 0.5) * _ROW,
            low=_rounded(value.low),
            high=_rounded(value.high),
        )
        for number, (label, value) in enumerate(rows)
    )
    return Whiskers(SIDE, len(rows) * _ROW, points)


def _rounded(share: float) -> float:
    return round(share * SIDE, 1)
