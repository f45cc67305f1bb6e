"""Rows of panels as a dashboard in Grafana's JSON model (https://grafana.com/docs/grafana/latest/dashboards/).

The schema version is that of Grafana 10.4 and 11.0; newer ones migrate it when they load it.
"""

from __future__ import annotations

import json
import re
from itertools import count
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any, Final

from worker.metrics import DETECTOR_INFO, PARTITIONS
from worker.monitoring.promql import SELECTED, name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from worker.metrics import Declared
    from worker.monitoring.panel import Panel, Query, Row

UID: Final = "flagstaff"
_SCHEMA: Final = 39
_COLUMNS: Final = 24
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
# Width and height in the grid, by the kind of panel.
_SIZES: Final = {"timeseries": (8, 8), "stat": (4, 4)}
_NAME: Final = re.compile(r"flagstaff_[a-z_]+")
_PARTS: Final = re.compile(r"_(bucket|sum|count)$")


def dashboard(rows: Sequence[Row], metrics: Sequence[Declared]) -> str:
    """The dashboard as a file that Grafana provisions or imports.

    Args:
        rows: what it shows.
        metrics: whose meanings its panels give as descriptions.
    """
    meanings = {metric.name: metric.meaning for metric in metrics}
    model = {
        "uid": UID,
        "title": "Flagstaff",
        "description": "Workers that decide which posts a language model may have written.",
        "tags": ["flagstaff"],
        "schemaVersion": _SCHEMA,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,  # one crosshair for all panels
        "time": {"from": "now-3h", "to": "now"},
        "refresh": "30s",
        "timezone": "browser",
        "annotations": {"list": []},
        "links": [],
        "templating": {"list": _variables()},
        "panels": list(_panels(rows, meanings)),
    }
    return json.dumps(model, indent=2, ensure_ascii=False) + "\n"


def _variables() -> list[dict[str, Any]]:
    return [
        {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"},
        _variable("namespace", f"label_values({name(PARTITIONS)}, namespace)"),
        _variable("job", f'label_values({name(PARTITIONS)}{{namespace=~"$namespace"}}, job)'),
        _variable("detector", f"label_values({name(DETECTOR_INFO)}{{{SELECTED}}}, name)"),
    ]


def _variable(label: str, query: str) -> dict[str, Any]:
    return {
        "name": label,
        "label": label.capitalize(),
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": label},
        "refresh": 2,  # whenever the time range changes
        "sort": 1,
        "multi": True,
        "includeAll": True,
        # Also of series without the label: outside of Kubernetes there is no namespace.
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }


def _panels(rows: Sequence[Row], meanings: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    numbers = count(1)
    top = 0
    for row in rows:
        place = {"x": 0, "y": top, "w": _COLUMNS, "h": 1}
        heading: dict[str, Any] = {
            "id": next(numbers),
            "type": "row",
            "title": row.title,
            "gridPos": place,
            "collapsed": row.closed,
            "panels": [],
        }
        inside = []
        left, below, top = 0, top + 1, top + 1
        for panel in row.panels:
            width, height = _SIZES[panel.kind]
            if left + width > _COLUMNS:
                left, below = 0, top
            inside.append(
                _panel(panel, next(numbers), {"x": left, "y": below, "w": width, "h": height}, meanings)
            )
            left, top = left + width, max(top, below + height)
        if row.closed:
            heading["panels"] = inside
            # What is folded away takes no room.
            top = place["y"] + 1
            yield heading
        else:
            yield heading
            yield from inside


def _panel(panel: Panel, number: int, place: dict[str, int], meanings: Mapping[str, str]) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0}
    if panel.most is not None:
        defaults["max"] = panel.most
    if panel.kind == "timeseries":
        options: dict[str, Any] = {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
        defaults["custom"] = {
            "drawStyle": "line",
            "fillOpacity": 40 if panel.stacked else 8,
            "lineWidth": 1,
            "showPoints": "never",
            "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
        }
    else:
        options = {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "colorMode": "none",
            "graphMode": "area",
            "textMode": "auto",
        }
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": _description(panel, meanings),
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "targets": [_target(query, ref) for query, ref in zip(panel.queries, ascii_uppercase, strict=False)],
    }


def _target(query: Query, ref: str) -> dict[str, Any]:
    return {
        "refId": ref,
        "datasource": _SOURCE,
        "editorMode": "code",
        "expr": query.expression,
        "legendFormat": query.legend,
        "range": True,
    }


def _description(panel: Panel, meanings: Mapping[str, str]) -> str:
    """The note, and what the metrics that are asked mean, as they are declared."""
    asked = dict.fromkeys(
        _PARTS.sub("", found) for query in panel.queries for found in _NAME.findall(query.expression)
    )
    # Which detector a process has stands in every query, as its filter.
    shown = [one for one in asked if one != name(DETECTOR_INFO)] or list(asked)
    lines = [f"`{one}`: {meanings[one]}" for one in shown if one in meanings]
    return "\n\n".join([*([panel.note] if panel.note else []), *lines])
