from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from worker.review.case import fold
from worker.review.entry import Entry, from_record, mark_of, name_of, to_record

if TYPE_CHECKING:
    from worker.records import Action, Verdict
    from worker.review.case import State
    from worker.review.entry import Kind

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def entries(*steps: str) -> list[Entry]:
    """`ann:machine`, `ann:machine@e1` (in answer to appeal `e1`), `ann:undo` or `ann:hand-over` each."""
    made = []
    for number, step in enumerate(steps):
        who, _, said = step.partition(":")
        what, *appeals = said.split("@")
        is_kind = what in {"undo", "hand-over"}
        kind: Kind = what if is_kind else "verdict"  # type: ignore[assignment]  # one of the words above
        verdict: Verdict = "unsure" if is_kind else what  # type: ignore[assignment]  # as above
        made.append(
            Entry(name=str(number), flag_id="f", post_id="p", reviewer=who, kind=kind, verdict=verdict,
                  note="", at=AT, appeals=tuple(appeals))
        )  # fmt: skip
    return made


@pytest.mark.parametrize(
    ("steps", "needed", "state", "verdicts"),
    [
        ([], 1, "open", {}),
        (["ann:machine"], 1, "decided", {"ann": "machine"}),
        (["ann:unsure"], 1, "decided", {"ann": "unsure"}),
        (["ann:machine"], 2, "open", {"ann": "machine"}),
        (["ann:machine", "ann:human"], 2, "open", {"ann": "human"}),
        (["ann:machine", "bob:human"], 2, "decided", {"ann": "machine", "bob": "human"}),
        (["ann:machine", "ann:undo"], 1, "open", {}),
        (["ann:machine", "ann:human", "ann:undo"], 1, "decided", {"ann": "machine"}),
        (["ann:machine", "bob:undo"], 1, "decided", {"ann": "machine"}),
        (["ann:undo", "ann:machine"], 1, "decided", {"ann": "machine"}),
        (["ann:hand-over"], 1, "handed-over", {}),
        (["ann:hand-over", "ann:machine"], 1, "handed-over", {"ann": "machine"}),
        (["ann:hand-over", "ann:undo"], 1, "open", {}),
        (["ann:hand-over", "lea:human"], 2, "decided", {"lea": "human"}),
    ],
)
def test_how_things_stand_follows_from_what_was_done(
    steps: list[str], needed: int, state: State, verdicts: dict[str, Verdict]
) -> None:
    case = fold("review", needed, entries(*steps))
    assert (case.state, case.verdicts) == (state, verdicts)


@pytest.mark.parametrize(
    ("steps", "appeals", "state", "waiting", "decided_before"),
    [
        ([], "e1", "appealed", "e1", ""),
        (["ann:machine"], "e1", "appealed", "e1", "ann"),
        # Whoever decided before does not answer by deciding again, nor gets free by taking it back.
        (["ann:machine", "ann:human"], "e1", "appealed", "e1", "ann"),
        (["ann:machine", "ann:undo"], "e1", "appealed", "e1", "ann"),
        (["ann:machine", "bob:human@e1"], "e1", "decided", "", "ann bob"),
        # One answer is enough, though two were needed and nobody else has decided.
        (["bob:human@e1"], "e1", "decided", "", "bob"),
        (["bob:human@e1", "bob:undo"], "e1", "appealed", "e1", ""),
        (["ann:machine", "bob:human@e1", "bob:machine@e1"], "e1", "decided", "", "ann bob"),
        (["ann:machine", "bob:human@e1"], "e1 e2", "appealed", "e2", "ann bob"),
        (["ann:machine", "bob:human@e1@e2"], "e1 e2", "decided", "", "ann bob"),
        # Passed on: it still waits.
        (["bob:hand-over"], "e1", "appealed", "e1", ""),
        (["bob:hand-over", "cy:machine@e1"], "e1", "decided", "", "cy"),
    ],
)
def test_an_appeal_waits_for_somebody_who_had_not_decided(
    steps: list[str], appeals: str, state: State, waiting: str, decided_before: str
) -> None:
    case = fold("review", 2, entries(*steps), appeals.split())
    assert (case.state, case.waiting) == (state, tuple(waiting.split()))
    assert case.decided_before == set(decided_before.split())
    assert [case.bars(name) for name in ("ann", "bob")] == [
        bool(waiting) and name in decided_before.split() for name in ("ann", "bob")
    ]


def test_an_appeals_answer_is_the_latest_that_stands() -> None:
    done = entries("ann:human@e1", "bob:machine@e1", "cy:human@e2", "cy:undo")
    answers = fold("limit", 1, done, ["e1", "e2"]).answers
    assert {appeal: entry.reviewer for appeal, entry in answers.items()} == {"e1": "bob"}


def test_an_entry_that_comes_twice_counts_once() -> None:
    done = entries("ann:machine", "ann:human", "ann:undo")
    once, twice = fold("review", 1, done), fold("review", 1, [*done, done[2], done[0]])
    assert once == twice
    assert once.entries == {"ann": 3}


@pytest.mark.parametrize("action", ["pass", "abstain"])
def test_what_asks_for_nothing_is_not_in_the_queue_until_it_is_appealed(action: Action) -> None:
    assert fold(action, 1, []).state == "not-asked"
    assert fold(action, 1, [], ["e1"]).state == "appealed"
    assert fold(action, 2, entries("ann:human")).state == "open"


def _record(key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> Any:
    return SimpleNamespace(topic="decisions", partition=1, offset=7, key=key, value=value, headers=headers)


@pytest.mark.parametrize("step", ["ann:machine", "ann:machine@e1@e2", "ann:undo", "ann:hand-over"])
def test_an_entry_comes_back_from_its_record_as_it_went(step: str) -> None:
    (entry,) = entries(step)
    assert from_record(_record(*to_record(entry))) == entry


def test_what_is_no_verdict_is_no_vote_for_readers_of_the_value_alone() -> None:
    for step in ("ann:undo", "ann:hand-over"):
        key, value, _ = to_record(entries(step)[0])
        bare = from_record(_record(key, value, []))
        assert bare is not None
        assert (bare.verdict, bare.name) == ("unsure", "decisions/1/7")


@pytest.mark.parametrize("value", [b"", b"{", b"\xff", b'{"schema":"decision.v1"}', b'{"schema":"other"}'])
def test_a_record_that_is_no_decision_is_passed_over(value: bytes) -> None:
    assert from_record(_record(b"f", value, [])) is None


def test_a_name_follows_from_flag_reviewer_and_number_and_nothing_else() -> None:
    assert name_of("f", "ann", 0) == name_of("f", "ann", 0)
    names = {name_of("f", "ann", 0), name_of("f", "ann", 1), name_of("f", "bob", 0), name_of("g", "ann", 0),
             name_of("fa", "nn", 0)}  # fmt: skip
    assert len(names) == 5


def test_the_mark_of_appeals_tells_sets_apart_and_not_orders() -> None:
    assert mark_of([]) == ""
    assert mark_of(["e1", "e2"]) == mark_of(("e2", "e1"))
    assert len({mark_of([]), mark_of(["e1"]), mark_of(["e2"]), mark_of(["e1", "e2"]), mark_of(["e1e2"])}) == 5
