"""Appeals, with a real Kafka: who may answer, what is written, what the view makes of bad records."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from tests.contract.test_review_console import act, console_of, put_flags, state
from tests.contract.test_review_console import settings as settings  # noqa: PLC0414 - a fixture
from tests.contract.test_review_web import desk_of, field, form
from tests.support.appeals import appeal
from tests.support.independent_reader import committed_records
from tests.support.running import publish
from tests.support.waiting import wait_until
from worker.records import Decision
from worker.review.console import now_ms
from worker.review.entry import mark_of
from worker.verdicts import appeal_outcomes

if TYPE_CHECKING:
    from pathlib import Path

    from worker.review.console import Console, Outcome
    from worker.settings import Settings

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def put_appeals(settings: Settings, *values: bytes | None) -> None:
    publish(settings.kafka.bootstrap_servers, settings.topics.appeals, values)


def decisions(settings: Settings) -> list[Decision]:
    records = committed_records(settings.kafka.bootstrap_servers, settings.topics.decisions)
    return [msgspec.json.decode(record.value(), type=Decision) for record in records]


def answer(console: Console, number: int, who: str, verdict: str, *appeals: str, before: int = 0) -> Outcome:
    standing = console.standing(f"flag-{number}")
    assert standing is not None
    return console.act(
        standing=standing,
        reviewer=who,
        kind="verdict",
        verdict=verdict,  # type: ignore[arg-type]  # one of the three
        note="",
        before=before,
        appeals=mark_of(appeals),
    )


def test_an_appeal_is_answered_once_by_somebody_who_had_not_decided(settings: Settings) -> None:
    put_flags(settings, 1, 2)
    with console_of(settings) as console:
        assert act(console, 1) == "written"
        put_appeals(settings, appeal(1))
        wait_until(lambda: state(console, 1) == "appealed", what="the appeal")
        assert answer(console, 1, "ann", "human", "e1", before=1) == "decided-before"
        assert console.next_for("ann", lead=False) == "flag-2"
        assert console.next_for("bob", lead=False) == "flag-1"
        # A form that was shown before the appeal came.
        assert answer(console, 1, "bob", "human") == "appealed-since"
        assert answer(console, 1, "bob", "human", "e1") == "written"
        assert answer(console, 1, "bob", "human", "e1") == "written-before"
        assert state(console, 1) == "decided"
        # What changes an answer is one too.
        assert answer(console, 1, "bob", "machine", before=1) == "written"
    found = decisions(settings)
    assert [(one.reviewer, one.verdict, one.appeals or ()) for one in found] == [
        ("ann", "machine", ()),
        ("bob", "human", ("e1",)),
        ("bob", "machine", ("e1",)),
    ]
    assert appeal_outcomes(found) == {("flag-1", "e1"): "upheld"}


def test_an_answer_that_is_taken_back_leaves_the_appeal_waiting(settings: Settings) -> None:
    put_flags(settings, 1)
    put_appeals(settings, appeal(1), appeal(1, "e2"))
    with console_of(settings) as console:
        assert answer(console, 1, "bob", "human", "e1", "e2") == "written"
        assert act(console, 1, "bob", "unsure", before=1, kind="undo") == "written"
        assert state(console, 1) == "appealed"
        assert answer(console, 1, "bob", "unsure", "e1", "e2", before=2) == "written"
        assert state(console, 1) == "decided"
    assert set(appeal_outcomes(decisions(settings)).values()) == {"overturned"}


def test_what_is_in_hand_is_not_given_to_who_had_decided_when_an_appeal_comes(settings: Settings) -> None:
    put_flags(settings, 1, 2)
    with console_of(settings) as console:
        act(console, 1, "ann")
        assert console.queue.take("flag-1", "ann", now_ms())
        put_appeals(settings, appeal(1))
        wait_until(lambda: state(console, 1) == "appealed", what="the appeal")
        assert console.next_for("ann", lead=False) == "flag-2"


def test_without_its_database_appeals_stand_as_they_stood(settings: Settings, tmp_path: Path) -> None:
    put_flags(settings, 1, 2, 3)
    with console_of(settings) as console:
        act(console, 1)
        put_appeals(settings, appeal(1), appeal(2), appeal(2, "e2"))
        wait_until(lambda: state(console, 2) == "appealed", what="the appeals")
        answer(console, 1, "bob", "human", "e1")
        # The platform sends one again.
        put_appeals(settings, appeal(1, statement="once more"))
        put_appeals(settings, appeal(3))
        wait_until(lambda: state(console, 3) == "appealed", what="the last appeal")
        stood = [console.standing(f"flag-{number}") for number in (1, 2, 3)]
    for file in tmp_path.glob("review.sqlite*"):
        file.unlink()
    with console_of(settings) as console:
        again = [console.standing(f"flag-{number}") for number in (1, 2, 3)]
    assert [one and one.case for one in again] == [one and one.case for one in stood]
    assert [one and one.case.state for one in again] == ["decided", "appealed", "appealed"]


def test_records_that_are_no_appeal_are_counted_shown_and_harm_nobody(settings: Settings) -> None:
    bad = [
        b"{",
        b"",
        None,
        b"\xff",
        b'{"schema": "appeal.v1"}',
        appeal(1, "long", statement="x" * 10_001),
        appeal(1, "nul", statement="\0"),
        appeal(1, "long ago").replace(b"2026-03-02T09:30:00Z", b"0001-01-01T00:00:00+14:00"),
        appeal(7, "nowhere", flag_id=SCRIPT),
        appeal(1, "astray", post_id="p2"),
    ]
    with desk_of(settings, 1) as desk:
        put_appeals(settings, *bad, *(appeal(1, f"e{number}") for number in range(51)))

        def waits() -> bool:
            standing = desk.console.standing("flag-1")
            return standing is not None and len(standing.case.waiting) == 50

        wait_until(waits, what="the appeals")
        ann = desk.person("ann")
        page = ann.get("/appeals")
        assert page.status_code == 200
        assert f"{len(bad) + 1} records of the topic" in page.text
        for said in (
            "length &lt;= 10000",
            "There is no flag &lt;script&gt;",
            "Flag flag-1 is of another post.",
            "Flag flag-1 has 50 appeals before it.",
        ):
            assert said in page.text
        assert "<script>alert" not in page.text
        # An appeal whose flag comes later stands from then on.
        put_appeals(settings, appeal(2))
        put_flags(settings, 2)
        wait_until(lambda: desk.console.standing("flag-2") is not None, what="the flag")
        wait_until(lambda: state(desk.console, 2) == "appealed", what="its appeal")


def test_the_statement_is_shown_as_text_and_the_outcome_where_it_was_answered(settings: Settings) -> None:
    with desk_of(settings, 0, 1) as desk:
        ann, bob = desk.person("ann"), desk.person("bob")
        ann.post("/act", data=form(ann.get("/flag?id=flag-0"), verdict="machine"))
        put_appeals(settings, appeal(0, statement=SCRIPT))
        wait_until(lambda: state(desk.console, 0) == "appealed", what="the appeal")
        theirs = ann.get("/flag?id=flag-0")
        assert "somebody else answers the appeal" in theirs.text
        assert 'class="verdict"' not in theirs.text
        fields = form(theirs, id="flag-0", before="1", verdict="human", appeals=mark_of(["e1"]))
        assert "somebody else answers the appeal" in ann.post("/act", data=fields).text
        assert "somebody else answers the appeal" in ann.post("/take", data=fields).text
        assert "<td>you</td>" in re.sub(r"\s", "", ann.get("/appeals").text)
        assert "<td>1person</td>" in re.sub(r"\s", "", bob.get("/appeals").text)

        page = bob.post("/next", data={"form_key": field(bob.get("/"), "form_key")})
        assert "text 0" in page.text
        assert "&lt;script&gt;alert(1)" in page.text
        assert "<script>alert" not in page.text
        assert "<img" not in page.text
        # What others said before is not shown to who is to judge afresh.
        assert "ann: machine" not in page.text
        shown = field(page, "appeals")
        put_appeals(settings, appeal(0, "e2", statement="and another thing"))
        wait_until(lambda: "another thing" in bob.get("/flag?id=flag-0").text, what="the second appeal")
        unseen = bob.post("/act", data=form(page, verdict="human", appeals=shown))
        assert "An appeal came in since" in unseen.text
        assert "and another thing" in unseen.text
        done = bob.post("/act", data=form(unseen, verdict="human", appeals=field(unseen, "appeals")))
        assert "the appeal is answered, the flag overturned" in done.text
        assert bob.get("/appeals").text.count("<td>overturned</td>") == 2
        assert "human, in answer to an appeal" in bob.get("/flag?id=flag-0").text
        assert "answered: overturned" in bob.get("/flag?id=flag-0").text
        put_appeals(settings, appeal(0, "e3"))
        wait_until(lambda: state(desk.console, 0) == "appealed", what="the third appeal")
        afresh = desk.person("cy").get("/flag?id=flag-0").text
        assert "answered" in afresh
        assert "answered: overturned" not in afresh
    assert decisions(settings)[-1].appeals == ("e1", "e2")
