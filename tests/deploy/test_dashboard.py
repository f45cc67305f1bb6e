"""The dashboard's file: what Grafana would make of it, and that it and the worker know the same metrics."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.deploy.expressions import asked_by, asked_by_dashboard, asked_by_rules, dashboard, rows
from worker.metrics import POSTS, STAGE_SECONDS, metrics_table
from worker.monitoring.grafana import dashboard as drawn
from worker.monitoring.promql import TARGET, name
from worker.monitoring.rows import rows as all_rows

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = 24
PROMTOOL = shutil.which("promtool")
# From the library, and on Linux only.
PROCESS = {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_start_time_seconds"}


def panels() -> list[dict[str, Any]]:
    return [panel for row, inside in rows() for panel in (row, *inside)]


def lost(before: Any, after: Any, path: str = "") -> list[str]:
    """Paths of what is not the same any more."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [
            one
            for key, value in before.items()
            for one in (lost(value, after[key], f"{path}.{key}") if key in after else [f"{path}.{key}"])
        ]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [one for number, pair in pairs for one in lost(*pair, f"{path}[{number}]")]
    return [] if before == after else [path]


def test_grafanas_own_schema_knows_all_of_it() -> None:
    register_default_plugins()
    read = Dashboard.from_json(dashboard())
    # What the schema does not know is lost on the way; what is not said comes back as its default.
    assert lost(dashboard(), json.loads(JSONEncoder().encode(read))) == []
    unknown = Dashboard.from_json(dashboard() | {"colour": "red"})
    assert lost({"colour": "red"}, json.loads(JSONEncoder().encode(unknown))) == [".colour"]


def test_each_panel_has_a_number_of_its_own() -> None:
    numbers = [panel["id"] for panel in panels()]
    assert len(set(numbers)) == len(numbers) > 40


def test_no_panel_lies_over_another_or_beside_the_grid() -> None:
    seen: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= COLUMNS
        cells = set(
            itertools.product(
                range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
            )
        )
        assert not cells & seen, panel["title"]
        seen |= cells
    for row, inside in rows():
        assert all(panel["gridPos"]["y"] > row["gridPos"]["y"] for panel in inside)
        assert row["collapsed"] == bool(row["panels"])


def test_each_panel_says_what_it_shows_in_the_words_of_the_declarations() -> None:
    meanings = {metric.name: metric.meaning for metric in metrics_table()}
    for _, inside in rows():
        for panel in inside:
            own = set[str]().union(*(one.metrics for one in asked_by(panel))) - {"flagstaff_detector_info"}
            assert all(meanings[one] in panel["description"] for one in own - PROCESS), panel["title"]
            assert panel["description"]


def test_no_two_queries_of_a_panel_have_one_letter() -> None:
    for _, inside in rows():
        for panel in inside:
            letters = [target["refId"] for target in panel["targets"]]
            assert len(set(letters)) == len(letters) == len(asked_by(panel)) > 0


def test_each_variable_that_is_asked_with_can_be_chosen() -> None:
    chosen = {variable["name"] for variable in dashboard()["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]+)", json.dumps(dashboard())))
    assert used == chosen == {"datasource", "namespace", "job", "detector"}


def test_every_metric_that_is_asked_for_is_in_the_worker() -> None:
    known = {metric.name for metric in metrics_table()} | PROCESS
    for one in [*asked_by_dashboard(), *asked_by_rules()]:
        assert one.metrics <= known, one.where


def test_every_metric_of_the_worker_is_on_the_dashboard() -> None:
    shown = set[str]().union(*(one.metrics for one in asked_by_dashboard()))
    assert {metric.name for metric in metrics_table()} - shown == set()


def test_every_label_that_is_asked_for_belongs_to_a_metric_beside_it() -> None:
    labels = {metric.name: set(metric.labels) for metric in metrics_table()}
    # Recorded series have the labels that they are made by.
    recorded = {"flagstaff:action_share": {"action"}}
    for one in [*asked_by_dashboard(), *asked_by_rules()]:
        known = {*TARGET, "le"}.union(*(labels.get(metric, set()) for metric in one.metrics))
        known |= {label for part, own in recorded.items() if part in one.expression for label in own}
        assert one.labels <= known, one.where


@pytest.mark.skipif(
    PROMTOOL is None,
    reason="promtool parses PromQL; it comes with Prometheus (Debian: apt install prometheus)",
)
def test_every_expression_parses(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": one.filled} for number, one in enumerate(asked_by_dashboard())
    ]
    file = tmp_path / "expressions.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    run = subprocess.run(
        [str(PROMTOOL), "check", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert f"{len(rules)} rules found" in run.stdout


def test_a_metric_that_no_panel_shows_gets_one() -> None:
    known = metrics_table()
    new = known[0]._replace(name="flagstaff_new_total", labels=("cause",), meaning="Something new.")
    *_, row = all_rows([*known, new])
    assert (row.title, [panel.title for panel in row.panels]) == ("More", ["new total"])
    made = json.loads(drawn([row], [new]))
    (panel,) = made["panels"][0]["panels"]
    assert panel["description"] == "`flagstaff_new_total`: Something new."
    assert panel["targets"][0]["legendFormat"] == "{{cause}}"


def test_a_label_or_a_part_that_a_metric_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="flagstaff_posts_total has no label 'action'"):
        name(POSTS, "action")
    with pytest.raises(ValueError, match="flagstaff_posts_total is a counter"):
        name(POSTS, part="_sum")
    with pytest.raises(ValueError, match="flagstaff_stage_seconds is a histogram"):
        name(STAGE_SECONDS)
