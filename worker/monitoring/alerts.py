"""All alerts, and the series that they rest on. `docs/runbook.md` has a section for each."""

from __future__ import annotations

from typing import Final

from worker.monitoring import decision_alerts, stream_alerts

RECORDED: Final = (*stream_alerts.RECORDED, *decision_alerts.RECORDED)
ALERTS: Final = (*stream_alerts.ALERTS, *decision_alerts.ALERTS)
