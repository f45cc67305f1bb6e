"""What a panel shows, whichever program draws it."""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["timeseries", "stat"]
# As Grafana names units; `cps` is a count a second, `percentunit` a share of one.
Unit = Literal["short", "cps", "s", "bytes", "percentunit"]


class Query(NamedTuple):
    """An expression in PromQL, and what its lines are called; `{{label}}` stands for a label's value."""

    expression: str
    legend: str


class Panel(NamedTuple):
    """One panel.

    Attributes:
        title: what is shown, in a few words.
        unit: of the values.
        queries: what is asked.
        note: what the metrics' own meanings do not say.
        kind: lines over time, or the present value.
        stacked: whether the lines add up to a whole.
        most: upper end of the axis where it is known.
    """

    title: str
    unit: Unit
    queries: tuple[Query, ...]
    note: str = ""
    kind: Kind = "timeseries"
    stacked: bool = False
    most: float | None = None


class Row(NamedTuple):
    """Panels under one heading; a closed one asks nothing until it is opened."""

    title: str
    panels: tuple[Panel, ...]
    closed: bool = False
