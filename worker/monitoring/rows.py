"""What the dashboard shows: from a glance at the whole down to each part of the worker."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from worker.monitoring.decision_rows import ACTION_RATE, RELEASE
from worker.monitoring.detector_rows import CACHE, DETECTOR
from worker.monitoring.panel import Panel, Query, Row, Unit
from worker.monitoring.promql import SELECTED, WINDOW
from worker.monitoring.stream_rows import AT_A_GLANCE, DEAD_LETTERS, STREAM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.metrics import Declared

_ROWS: Final = (AT_A_GLANCE, STREAM, DETECTOR, CACHE, DEAD_LETTERS, ACTION_RATE, RELEASE)


def rows(metrics: Sequence[Declared]) -> tuple[Row, ...]:
    """All rows. The last one has those of the metrics that no other shows: a new one is seen at once."""
    shown = " ".join(query.expression for row in _ROWS for panel in row.panels for query in panel.queries)
    names = set(re.findall(r"flagstaff_\w+", shown))
    others = tuple(
        _plain(metric)
        for metric in metrics
        if not names & {metric.name, *(f"{metric.name}{part}" for part in ("_bucket", "_sum", "_count"))}
    )
    return (*_ROWS, *([Row("More", others, closed=True)] if others else []))


def _plain(metric: Declared) -> Panel:
    """A metric as it is, of processes with and without a detector."""
    legend = " ".join(f"{{{{{label}}}}}" for label in metric.labels) or metric.name
    by = f" by ({', '.join(metric.labels)})" if metric.labels else ""
    series = f"{metric.name}{{{SELECTED}}}"
    title = metric.name.removeprefix("flagstaff_").replace("_", " ")
    if metric.kind == "gauge":
        return Panel(title, _unit(metric.name), (Query(f"sum{by} ({series})", legend),))
    if metric.kind == "counter":
        return Panel(title, "cps", (Query(f"sum{by} (rate({series}[{WINDOW}]))", legend),))
    sides = [f"sum{by} (rate({metric.name}{part}{{{SELECTED}}}[{WINDOW}]))" for part in ("_sum", "_count")]
    return Panel(f"{title}, mean", _unit(metric.name), (Query(" / ".join(sides), legend),))


def _unit(metric: str) -> Unit:
    if metric.endswith("_seconds"):
        return "s"
    return "bytes" if metric.endswith("_bytes") else "short"
