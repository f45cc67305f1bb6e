"""What the staff decided, by a post's flags."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import pytest

from worker.backtest.staff import Staff, staff_of_file
from worker.errors import SettingsError
from worker.records import Decision

if TYPE_CHECKING:
    from pathlib import Path

    from worker.records import Verdict


def decision(flag_id: str, reviewer: str, verdict: Verdict, minute: int = 0) -> Decision:
    at = datetime(2026, 3, 1, 12, minute, tzinfo=UTC)
    return Decision(flag_id=flag_id, post_id="p", reviewer=reviewer, verdict=verdict, decided_at=at)


def test_all_flags_of_a_post_count_together_and_of_each_reviewer_the_latest_word() -> None:
    staff = Staff(
        [
            decision("old", "ann", "human", 1),
            decision("new", "ann", "machine", 2),
            decision("old", "bob", "machine"),
            decision("new", "cid", "human"),
            decision("split", "ann", "human"),
            decision("split", "bob", "machine"),
            decision("away", "ann", "human"),
        ]
    )
    assert staff.verdict(["old", "new", "old"]) == "machine"
    assert staff.verdict(["split"]) == "unsure"
    assert staff.verdict(["never"]) == "none"
    assert (staff.count, staff.elsewhere) == (7, 1)


def test_an_appeals_answer_overrules_the_verdicts_on_all_flags_of_the_post() -> None:
    before = [decision("old", "ann", "machine"), decision("new", "bob", "machine", 1)]
    answer = msgspec.structs.replace(decision("old", "cy", "human", 2), appeals=("e1",))
    staff = Staff([*before, answer, decision("other", "ann", "machine")])
    assert (staff.verdict(["old", "new"]), staff.verdict(["other"])) == ("human", "machine")
    assert staff.overturned == 1
    assert Staff(before).overturned == 0


def test_the_digest_does_not_depend_on_the_order() -> None:
    some = [decision("f", reviewer, "human") for reviewer in "abc"]
    assert Staff(some).sealed() == Staff(reversed(some)).sealed()
    assert Staff(some).sealed() != Staff(some[:2]).sealed()


def test_a_file_of_decisions(tmp_path: Path) -> None:
    file = tmp_path / "decisions.jsonl"
    file.write_bytes(msgspec.json.encode(decision("f", "ann", "human")) + b"\n\n")
    assert staff_of_file(file).verdict(["f"]) == "human"
    file.write_bytes(file.read_bytes() + b"{}\n")
    with pytest.raises(SettingsError, match="line 3 is no decision"):
        staff_of_file(file)
    with pytest.raises(SettingsError, match="No such file"):
        staff_of_file(tmp_path / "none")
