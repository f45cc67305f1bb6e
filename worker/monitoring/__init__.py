"""Dashboard and alert rules, made of the metrics' declarations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.monitoring.alerts import ALERTS, RECORDED
from worker.monitoring.grafana import dashboard
from worker.monitoring.rows import rows
from worker.monitoring.rules import rules

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FILES: Final[Mapping[str, Callable[[], str]]] = {
    "dashboard.json": lambda: dashboard(rows()),
    "alerts.yaml": lambda: rules(RECORDED, ALERTS),
}
