"""What the staff say of a flag together, and how appeals were answered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from worker.records import Decision
from worker.verdicts import appeal_outcomes, majority, overturned_flags, votes_by_flag

if TYPE_CHECKING:
    from worker.records import Verdict


def decision(reviewer: str, verdict: Verdict, minute: int, *appeals: str) -> Decision:
    plain = Decision(
        flag_id="f",
        post_id="p",
        reviewer=reviewer,
        verdict=verdict,
        decided_at=datetime(2026, 3, 1, 12, minute, tzinfo=UTC),
    )
    return msgspec.structs.replace(plain, appeals=appeals) if appeals else plain


BEFORE = [decision("ann", "machine", 0), decision("bob", "machine", 1)]


def test_an_appeals_answer_overrules_however_many_decided_before() -> None:
    assert majority(votes_by_flag(BEFORE)["f"]) == "machine"
    answered = [decision("cy", "human", 2, "e1"), *BEFORE]
    assert votes_by_flag(answered)["f"] == {"human": 1, "machine": 0, "unsure": 0}
    assert majority(votes_by_flag([*answered, decision("dan", "machine", 9)])["f"]) == "human"
    assert appeal_outcomes(answered) == {("f", "e1"): "overturned"}


def test_of_two_answers_the_later_counts() -> None:
    answered = [*BEFORE, decision("dan", "machine", 5, "e2"), decision("cy", "human", 2, "e1")]
    assert majority(votes_by_flag(answered)["f"]) == "machine"
    assert appeal_outcomes(answered) == {("f", "e1"): "overturned", ("f", "e2"): "upheld"}
    assert overturned_flags(answered) == set()
    both = [*answered, decision("eve", "human", 7, "e1", "e2")]
    assert set(appeal_outcomes(both).values()) == {"overturned"}
    assert overturned_flags(both) == {"f"}


def test_who_is_not_sure_lets_no_flag_stand_and_labels_no_text() -> None:
    answered = [*BEFORE, decision("cy", "unsure", 2, "e1")]
    assert majority(votes_by_flag(answered)["f"]) is None
    assert appeal_outcomes(answered) == {("f", "e1"): "overturned"}


def test_an_answer_that_was_taken_back_is_none() -> None:
    taken_back = [*BEFORE, decision("cy", "human", 2, "e1"), decision("cy", "unsure", 3)]
    assert majority(votes_by_flag(taken_back)["f"]) == "machine"
    assert appeal_outcomes(taken_back) == {}
