"""Where the marks of the report's charts go, in the units of their SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.replay.timeline import Timeline

WIDTH: Final = 180.0
_ROW: Final = 22.0
# What is there at all must be seen.
_LEAST: Final = 1.5
_COLUMNS_WIDTH: Final = 480.0
_COLUMNS_HEIGHT: Final = 140.0


class Bar(NamedTuple):
    """A bar to the right.

    Attributes:
        label: what stands on its left.
        y: where it begins, from the top.
        length: its own.
        text: what stands behind it.
    """

    label: str
    y: float
    length: float
    text: str


class Bars(NamedTuple):
    """Bars below one another; `height`: of all of them."""

    height: float
    bars: tuple[Bar, ...]


class Column(NamedTuple):
    """A column upwards, from `y` down to the chart's foot; `label`: what it stands for."""

    x: float
    y: float
    width: float
    height: float
    label: str


class Columns(NamedTuple):
    """Columns beside one another.

    Attributes:
        width: of the chart.
        height: of the chart.
        top: the share at the top.
        begin: where the first column begins, in seconds since 1970.
        end: where the last one ends.
        columns: those that are not empty.
    """

    width: float
    height: float
    top: float
    begin: int
    end: int
    columns: tuple[Column, ...]


def bars(rows: Sequence[tuple[str, float, str]]) -> Bars:
    """A bar for each label, length and text; the longest fills the width."""
    longest = max((value for _, value, _ in rows), default=0) or 1
    return Bars(
        len(rows) * _ROW,
        tuple(
            Bar(label, number * _ROW, round(max(value / longest * WIDTH, _LEAST if value else 0), 1), text)
            for number, (label, value, text) in enumerate(rows)
        ),
    )


def columns(timeline: Timeline) -> Columns | None:
    """The share of posts that differ, over time; None where nothing was compared, or all at one time."""
    slots = sorted(timeline.slots.items())
    if len(slots) < 2:  # noqa: PLR2004 - one column shows no course
        return None
    begin, end = slots[0][0], slots[-1][0] + timeline.width_s
    top = _round_up(max(slot.differing / slot.posts for _, slot in slots))
    scale = _COLUMNS_WIDTH / (end - begin)
    made = []
    for start, slot in slots:
        share = slot.differing / slot.posts
        height = round(share / top * _COLUMNS_HEIGHT, 1)
        made.append(
            Column(
                x=round((start - begin) * scale, 1),
                y=round(_COLUMNS_HEIGHT - height, 1),
                width=round(timeline.width_s * scale, 1),
                height=height,
                label=f"{slot.differing} of {slot.posts} posts",
            )
        )
    return Columns(_COLUMNS_WIDTH, _COLUMNS_HEIGHT, top, begin, end, tuple(made))


def _round_up(share: float) -> float:
    """The next of 1, 2 and 5 times a power of ten, at most 1 and at least a thousandth."""
    steps = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
    return next((step for step in steps if share <= step), 1.0)
