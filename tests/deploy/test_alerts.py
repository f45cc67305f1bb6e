"""The alert rules in promtool: they are right, and a broken one is found."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.deploy.alert_case import Case, unit_test
from tests.deploy.alert_cases import CASES
from tests.deploy.mutants import mutants
from tests.support.waiting import PATIENCE_S
from worker.monitoring.alerts import ALERTS, RECORDED
from worker.monitoring.stream_alerts import LAG

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[2]
RULES = ROOT / "helm/flagstaff/files/alerts.yaml"
RUNBOOK = ROOT / "docs/runbook.md"
PAGE = ROOT / "docs/monitoring.md"
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None,
    reason="promtool checks rules; it comes with Prometheus (Debian: apt install prometheus)",
)
NAMES = [alert.name for alert in ALERTS]


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    assert PROMTOOL is not None
    return subprocess.run(
        [PROMTOOL, *arguments], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def groups() -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = yaml.safe_load(RULES.read_text())["groups"]
    return read


def rule_of(name: str) -> dict[str, Any]:
    (rule,) = (rule for group in groups() for rule in group["rules"] if name_of(rule) == name)
    return dict(rule)


def name_of(rule: dict[str, Any]) -> str:
    return str(rule.get("alert") or rule["record"])


def write_test(folder: Path, name: str, rule: dict[str, Any], cases: list[Case]) -> Path:
    """A file of these cases of an alert, beside all recorded rules and the alert's, this one changed."""
    (alert,) = {case.alert for case in cases}
    changed = [
        group
        | {
            "rules": [
                rule if name_of(r) == name_of(rule) else r
                for r in group["rules"]
                if r.get("alert", alert) == alert
            ]
        }
        for group in groups()
    ]
    (folder / f"{name}.rules.yaml").write_text(yaml.safe_dump({"groups": changed}))
    test = folder / f"{name}.yaml"
    test.write_text(yaml.safe_dump(unit_test(cases, f"{name}.rules.yaml")))
    return test


def cases_of(alert: str) -> list[Case]:
    return [case for case in CASES if case.alert == alert]


def verdicts(tests: list[Path]) -> dict[str, bool]:
    """Whether all is as expected in each file."""
    run = promtool("test", "rules", *tests)
    told = re.split(r"^Unit Testing: +(.+)$", run.stdout + run.stderr, flags=re.MULTILINE)[1:]
    found = {Path(name).stem: "SUCCESS" in said for name, said in zip(told[::2], told[1::2], strict=True)}
    assert set(found) == {test.stem for test in tests}, run.stderr
    return found


@needs_promtool
def test_promtool_finds_nothing_wrong_with_the_rules() -> None:
    run = promtool("check", "rules", "--lint-fatal", RULES)
    assert run.returncode == 0, run.stdout + run.stderr


@needs_promtool
@pytest.mark.parametrize("alert", NAMES)
def test_an_alert_fires_when_it_should_and_at_no_other_time(alert: str, tmp_path: Path) -> None:
    run = promtool("test", "rules", write_test(tmp_path, "as-it-is", rule_of(alert), cases_of(alert)))
    assert run.returncode == 0, run.stdout + run.stderr


@needs_promtool
@pytest.mark.parametrize("alert", NAMES)
def test_a_broken_rule_is_found(alert: str, tmp_path: Path) -> None:
    assert_found(mutants(rule_of(alert)), cases_of(alert), tmp_path)


@needs_promtool
@pytest.mark.parametrize("record", [one.record for one in RECORDED])
def test_a_broken_recorded_series_is_found(record: str, tmp_path: Path) -> None:
    alert = "FlagstaffLagGrowing" if record == LAG else "FlagstaffFlagShareUnusual"
    assert_found(mutants(rule_of(record)), cases_of(alert), tmp_path)


def assert_found(mutated: Iterable[tuple[str, dict[str, Any]]], cases: list[Case], folder: Path) -> None:
    """The cases fail with each of the broken rules."""
    broken = dict(enumerate(mutated))
    unfound = set(broken)
    # Most are found by the first case, and each that is asked again takes its time.
    for case in cases:
        tests = [write_test(folder, str(number), broken[number][1], [case]) for number in sorted(unfound)]
        right = verdicts(tests) if tests else {}
        unfound &= {int(name) for name, is_right in right.items() if is_right}
    assert [broken[number][0] for number in sorted(unfound)] == []
    assert broken


def test_each_alert_has_a_case_in_which_it_fires_and_a_time_at_which_it_does_not() -> None:
    assert {case.alert for case in CASES if case.firing} == set(NAMES)
    assert {case.alert for case in CASES if case.quiet} == set(NAMES)
    assert len(set(NAMES)) == len(NAMES)


def test_the_runbook_has_a_section_for_each_alert_and_for_no_other() -> None:
    sections = dict(
        re.findall(r"^## (Flagstaff\w+)\n(.*?)(?=^## |\Z)", RUNBOOK.read_text(), re.MULTILINE | re.DOTALL)
    )
    assert set(sections) == set(NAMES)
    for alert in ALERTS:
        section = sections[alert.name]
        assert section.startswith(f"`{alert.severity}`")
        assert all(f"**{part}**" in section for part in ("Means", "Make sure", "Do")), alert.name
        # As GitHub and Markdown renderers make anchors of headings.
        assert alert.runbook == f"docs/runbook.md#{alert.name.lower()}"


def test_the_page_lists_every_alert_with_its_severity() -> None:
    listed = dict(re.findall(r"^\| `(Flagstaff\w+)` \| (\w+) \|", PAGE.read_text(), re.MULTILINE))
    assert listed == {alert.name: alert.severity for alert in ALERTS}
