"""What the staff said in a period, and what became of appeals."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from worker.records import Appeal
from worker.review.entry import Entry
from worker.transparency.reviews import appealed, decided_on, reviewed

if TYPE_CHECKING:
    from worker.records import Verdict
    from worker.review.entry import Kind
    from worker.transparency.suppression import Cell

START = datetime(2026, 3, 1, tzinfo=UTC)
END = datetime(2026, 4, 1, tzinfo=UTC)
_names = itertools.count()


def entry(
    flag: str, who: str, day: float, verdict: Verdict = "unsure", kind: Kind = "verdict", *appeals: str
) -> Entry:
    """Day 0 is the first of March."""
    return Entry(
        name=f"e{next(_names)}",
        flag_id=flag,
        post_id=f"post-{flag}",
        reviewer=who,
        kind=kind,
        verdict=verdict,
        note="",
        at=START + timedelta(days=day),
        appeals=appeals,
    )


def appeal(flag: str, name: str, day: float) -> Appeal:
    return Appeal(
        id=name, flag_id=flag, post_id=f"post-{flag}", statement="", appealed_at=START + timedelta(days=day)
    )


def told(cell: Cell) -> dict[str, int | None]:
    """Parts that are not 0."""
    return {part.name: part.count for part in cell.parts if part.count}


def test_a_flag_counts_by_what_most_said_at_the_end() -> None:
    entries = [
        entry("a", "ann", 1, "machine"),
        entry("a", "bob", 2, "machine"),
        entry("b", "ann", 1, "machine"),
        entry("b", "bob", 2, "human"),
        entry("c", "ann", 3, "machine"),
        entry("c", "ann", 4, kind="undo"),
        entry("d", "ann", 5, "machine"),
        entry("d", "ann", 6, "human"),
    ]
    found = reviewed(entries, {"a": "review", "b": "review", "d": "limit"}, START, END)
    rows = {part.name: told(part) for part in found.verdicts.parts if part.count}
    assert rows == {"review": {"machine": 1, "unsure": 1}, "limit": {"human": 1}}
    assert (found.verdicts.count, told(found.shared)) == (3, {"agreed": 1, "disagreed": 1})
    assert {cell.name: cell.count for cell in found.work} == {"verdict": 7, "undo": 1, "hand-over": 0}


def test_what_was_said_before_counts_with_what_was_said_in_the_period_and_alone_does_not() -> None:
    entries = [
        entry("a", "ann", -3, "machine"),
        entry("b", "ann", -2, "machine"),
        entry("b", "bob", 2, "machine"),
    ]
    found = reviewed(entries, {}, START, END)
    assert decided_on(entries, START, END) == {"b"}
    assert told(found.verdicts) == {"earlier": 1}
    assert told(found.shared) == {"agreed": 1}
    assert {cell.name: cell.count for cell in found.work} == {"verdict": 1, "undo": 0, "hand-over": 0}


def test_an_entry_that_stands_twice_on_the_topic_counts_once() -> None:
    one = entry("a", "ann", 1, "machine")
    found = reviewed([one, one], {}, START, END)
    assert found.work[0].count == 1


def test_an_answered_appeal_overrules_and_is_left_out_of_the_agreement() -> None:
    entries = [
        entry("a", "ann", 1, "machine"),
        entry("a", "bob", 2, "machine"),
        entry("a", "cy", 5, "human", "verdict", "x"),
    ]
    found = reviewed(entries, {"a": "label"}, START, END)
    (row,) = (part for part in found.verdicts.parts if part.count)
    assert told(row) == {"human": 1}
    assert (found.shared.count, found.alpha) == (0, None)


def test_appeals_count_where_they_came_in_and_how_they_stood_at_the_end() -> None:
    entries = [
        entry("a", "cy", 3, "machine", "verdict", "in-time"),
        entry("b", "cy", 4, "unsure", "verdict", "unsure"),
        entry("c", "cy", -1, "human", "verdict", "before"),
        entry("d", "cy", 1, "human", "verdict", "late"),
        entry("e", "cy", 2, "human", "verdict", "taken-back"),
        entry("e", "cy", 3, kind="undo"),
    ]
    appeals = [
        appeal("a", "in-time", 2),
        appeal("a", "in-time", 2.5),
        appeal("b", "unsure", 2),
        appeal("c", "before", -2),
        appeal("d", "late", -1),
        appeal("e", "taken-back", 1),
        appeal("f", "open", 30),
    ]
    received, earlier = appealed(appeals, entries, START, END)
    assert told(received) == {"upheld": 1, "overturned": 1, "open": 2}
    assert told(earlier) == {"overturned": 1}
    assert (received.count, earlier.count) == (4, 1)


def test_two_flags_may_have_appeals_of_the_same_name() -> None:
    entries = [entry("a", "cy", 3, "machine", "verdict", "1")]
    received, _ = appealed([appeal("a", "1", 1), appeal("b", "1", 1)], entries, START, END)
    assert told(received) == {"upheld": 1, "open": 1}
