"""The report's page: what it says of hidden counts, other detectors' figures, and names of others."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from worker.about.facts import evaluation_of
from worker.replay.plan import Range
from worker.settings import Settings
from worker.transparency.found import Decider, Found, Period
from worker.transparency.lateness import Lateness
from worker.transparency.outcomes import Outcomes
from worker.transparency.page import page
from worker.transparency.report import Transparency, encoded, transparency

if TYPE_CHECKING:
    from worker.records import Action

PERIOD = Period(1_772_323_200_000, 1_775_001_600_000, 600_000)


def report(actions: dict[Action, int], decider: Decider | None = None, **more: Any) -> Transparency:
    count = sum(actions.values())
    outcomes = Outcomes([Range(partition=0, warm=0, first=0, end=count)])
    offset = 0
    for action, number in actions.items():
        for _ in range(number):
            outcomes.post(0, offset)
            outcomes.decided(0, offset, action)
            offset += 1
    lateness = Lateness(PERIOD.start_ms, PERIOD.end_ms, PERIOD.late_ms)
    found = Found(
        outcomes, 0, Counter({decider: count} if decider else {}), lateness, {}, [], [], (), Counter()
    )
    plain: dict[str, Any] = {"emit": "all", "minimum": 10, "evaluation": None}
    return transparency(PERIOD, found, **plain | more)


def test_a_hidden_count_is_nowhere_on_the_page_or_in_the_data() -> None:
    made = report({"label": 137, "review": 7, "pass": 211, "limit": 4321})
    html, data = page(made, "about.html"), encoded(made).decode()
    assert "137" not in html
    assert "137" not in data
    assert html.count(">hidden<") == 4
    assert "4,321" in html
    assert "A count from 1 to 9 is hidden" in html


def test_where_passes_are_not_published_their_row_is_left_out_only_if_there_are_none() -> None:
    none = page(report({"label": 40}, emit="flagged"), "about.html")
    some = page(report({"label": 40, "pass": 4}, emit="flagged"), "about.html")
    row = '<th scope="row">Let through</th>'
    assert row not in none
    assert row in some
    assert row in page(report({"label": 40}), "about.html")


def test_names_of_others_are_text() -> None:
    html = page(report({"label": 30}, Decider("<script>x</script>", "<b>", 0.5, None)), "about.html")
    assert "<script" not in html
    assert "&lt;script&gt;x&lt;/script&gt;" in html
    assert "not measured" in html


def test_a_detector_with_few_flags_is_not_listed() -> None:
    assert report({"label": 9}, Decider("rare", "d", 0.5, 0.1)).detectors == ()


def test_the_bias_table_says_where_it_is_of_another_detector() -> None:
    evaluation = evaluation_of(Settings())
    assert evaluation is not None
    name, digest = evaluation.detector.name, evaluation.detector.digest
    own = page(report({"label": 30}, Decider(name, digest, 0.9, 0.01), evaluation=evaluation), "about.html")
    other = page(
        report({"label": 30}, Decider(name, "other", 0.9, 0.01), evaluation=evaluation), "about.html"
    )
    sentence = "It is none of the detectors listed above."
    assert sentence not in own
    assert sentence in other
    assert "gender: women" in own
    assert "race: Asian people" in own
    assert "Not measured: no evaluation" in page(report({"label": 30}), "about.html")
