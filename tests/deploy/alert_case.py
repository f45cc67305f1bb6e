"""A story told in samples, and whether an alert is to fire in it; as promtool reads it."""

from __future__ import annotations

from typing import Any, NamedTuple

from worker.monitoring.alerts import ALERTS

WHERE = {"namespace": "moderation", "job": "worker", "instance": "a:9464"}
_ALERTS = {alert.name: alert for alert in ALERTS}


class Case(NamedTuple):
    """What Prometheus scrapes, from minute 0 on, and when the alert fires.

    Attributes:
        alert: its name.
        series: values, in promtool's notation, by metric and labels (`metric{label="value"}`); the labels of
            the scrape are added where they are not given.
        quiet: at which minutes no such alert fires.
        firing: at which minutes one does.
        labels: which the alert then has, beside its severity.
        summary: what it then says.
        step: minutes between two samples and two evaluations.
    """

    alert: str
    series: dict[str, str]
    quiet: tuple[int, ...] = ()
    firing: tuple[int, ...] = ()
    labels: dict[str, str] = {}  # noqa: RUF012 - never changed
    summary: str = ""
    step: int = 1


def unit_test(cases: list[Case], rules: str) -> dict[str, Any]:
    """A file for `promtool test rules` about the rules in the file of that name.

    The cases are of one alert and have one step.
    """
    (step,) = {case.step for case in cases}
    return {
        "rule_files": [rules],
        # Else promtool takes them in any order, and what is recorded may be one evaluation old.
        "group_eval_order": ["flagstaff.recorded", "flagstaff.alerts"],
        "evaluation_interval": f"{step}m",
        "tests": [_test(case) for case in cases],
    }


def _test(case: Case) -> dict[str, Any]:
    alert = _ALERTS[case.alert]
    fired = {
        "exp_labels": {"severity": alert.severity, **case.labels},
        "exp_annotations": {
            "summary": case.summary,
            "description": alert.description,
            "runbook_url": alert.runbook,
        },
    }
    quiet: dict[int, list[dict[str, Any]]] = {minute: [] for minute in case.quiet}
    expected = quiet | {minute: [fired] for minute in case.firing}
    return {
        "interval": f"{case.step}m",
        "input_series": [
            {"series": _labelled(name), "values": values} for name, values in case.series.items()
        ],
        "alert_rule_test": [
            {"eval_time": f"{minute}m", "alertname": case.alert, "exp_alerts": alerts}
            for minute, alerts in sorted(expected.items())
        ],
    }


def _labelled(series: str) -> str:
    name, _, given = series.removesuffix("}").partition("{")
    missing = [f'{label}="{value}"' for label, value in WHERE.items() if f"{label}=" not in given]
    return f"{name}{{{','.join([*filter(None, [given]), *missing])}}}"
