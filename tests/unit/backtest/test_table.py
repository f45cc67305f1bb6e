"""The table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.backtest.account import Account, Decided
from worker.backtest.figures import BacktestReport, Beside, Decisions
from worker.backtest.table import table
from worker.replay.plan import Stamp, VariantStamp
from worker.settings import SignalSettings

if TYPE_CHECKING:
    from worker.backtest.figures import Verdict
    from worker.records import Action


def beside(name: str, candidate: Action, verdict: Verdict) -> Beside:
    """Ten posts of ten authors that the live one sends to a person, on which so was decided."""
    account = Account()
    for number in range(10):
        account.add(Decided(number, f"a{number}", verdict, "review", candidate))
    stamp = VariantStamp(
        name=name, detector=Stamp("d", "1"), policy=Stamp("p", "2"), signals=SignalSettings()
    )
    return Beside(
        name=name,
        variant=stamp,
        settings={},
        posts=account.posts,
        failed=account.failed,
        actions=dict(account.actions),
        changes=dict(account.changes),
        transitions=dict(account.transitions),
        verdicts={},
        reviews=account.reviews(),
        flagged=account.flagged(),
        sent_to_people=account.sent_to_people(),
    )


def report(verdict: Verdict, not_recorded: int = 0) -> BacktestReport:
    return BacktestReport(
        asked={},
        versions={},
        not_recorded=not_recorded,
        decisions=Decisions(read=10, elsewhere=0, overturned=0, unreadable=0, posts={verdict: 10}),
        results=(beside("live", "review", verdict), beside("strict", "pass", verdict)),
    )


def test_a_column_for_each_and_the_selection_is_told() -> None:
    lines = table(report("machine")).splitlines()
    rows = {line[:28].strip(): line[28:].split() for line in lines[:-4]}
    assert rows[""] == ["live", "strict"]
    assert rows["posts decided"] == ["10", "10"]
    assert rows["flags that go"] == ["10"]
    assert rows["reviews a day, mean"] == ["10.0", "0.0"]
    assert rows["flags with a verdict"] == ["10", "of", "10", "0", "of", "0"]
    # Of nothing there is no share; 0 of 10 and 10 of 10 have their intervals.
    assert rows["recall"] == ["1.00", "(0.72-1.00)", "10/10", "0.00", "(0.00-0.28)", "0/10"]
    assert rows["precision"] == ["1.00", "(0.72-1.00)", "10/10", "-"]
    assert lines[-3].startswith("10 posts with a verdict of the staff. They are a selection")
    assert {len(line) <= 110 for line in lines} == {True}


def test_without_verdicts_nothing_is_said_of_them() -> None:
    said = table(report("none", not_recorded=3))
    assert "precision" not in said
    assert said.splitlines()[-2:] == [
        "No post of the range has a verdict of the staff.",
        "3 posts have no recorded readings and were not decided.",
    ]
