"""The files that are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.metrics import metrics_table
from worker.monitoring.alerts import ALERTS, RECORDED
from worker.monitoring.grafana import dashboard
from worker.monitoring.rows import rows
from worker.monitoring.rules import rules

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FILES: Final[Mapping[str, Callable[[], str]]] = {
    "dashboard.json": lambda: dashboard(rows(metrics_table()), metrics_table()),
    "alerts.yaml": lambda: rules(RECORDED, ALERTS),
}
