"""What the dashboard and the alert rules ask of Prometheus, read from their files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = Path(__file__).parents[2] / "helm/flagstaff/files"
RULES = FILES / "alerts.yaml"
DASHBOARD = FILES / "dashboard.json"
_VARIABLES = {"$__rate_interval": "10s", "$namespace": ".*", "$job": ".*", "$detector": ".*"}
_METRIC = re.compile(r"\b(?:flagstaff|process)_[a-z_]+\b")
_HISTOGRAM = re.compile(r"(_seconds|_fill)_(bucket|sum|count)$")
_LISTED = re.compile(r"\b(?:by|on|group_left) \(([\w, ]*)\)")
_MATCHED = re.compile(r'(\w+)(?:=~|!=|!~|=)"')
_SHOWN = re.compile(r"\{\{(\w+)\}\}|\$labels\.(\w+)")


class Asked(NamedTuple):
    """An expression, where it stands, and how what it gives is called."""

    where: str
    expression: str
    legend: str

    @property
    def metrics(self) -> set[str]:
        """Names of the metrics, as they are declared."""
        return {_HISTOGRAM.sub(r"\1", name) for name in _METRIC.findall(self.expression)}

    @property
    def labels(self) -> set[str]:
        """Names of all labels that it needs."""
        listed = ",".join(_LISTED.findall(self.expression)).replace(" ", "").split(",")
        return {*filter(None, listed), *_MATCHED.findall(self.expression), *self.shown}

    @property
    def shown(self) -> set[str]:
        """Names of the labels that its legend shows."""
        return {one or other for one, other in _SHOWN.findall(self.legend)}

    @property
    def filled(self) -> str:
        """The expression with all variables at `All`."""
        text = self.expression
        for name, value in _VARIABLES.items():
            text = text.replace(name, value)
        return text


def dashboard() -> dict[str, Any]:
    """The dashboard as it lies in the chart."""
    read: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return read


def rows() -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Each row of the dashboard, and its panels."""
    open_row: tuple[dict[str, Any], list[dict[str, Any]]] | None = None
    for panel in dashboard()["panels"]:
        if panel["type"] != "row":
            assert open_row is not None
            open_row[1].append(panel)
            continue
        if open_row is not None:
            yield open_row
        open_row = (panel, list(panel["panels"]))
    assert open_row is not None
    yield open_row


def asked_by(panel: dict[str, Any]) -> list[Asked]:
    """What a panel asks."""
    return [Asked(panel["title"], target["expr"], target["legendFormat"]) for target in panel["targets"]]


def asked_by_dashboard() -> list[Asked]:
    """What all panels ask."""
    return [one for _, panels in rows() for panel in panels for one in asked_by(panel)]


def asked_by_rules() -> list[Asked]:
    """What all rules ask; the legend is all that an alert says."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [
        Asked(rule.get("alert") or rule["record"], rule["expr"], str(rule.get("annotations", "")))
        for group in groups
        for rule in group["rules"]
    ]
