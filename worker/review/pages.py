"""What is on each page: plain values for the templates, made of what the console knows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import select

from worker.review import charts
from worker.review.appeal import appealed_flags, unusable
from worker.review.console import now_ms
from worker.review.entry import mark_of
from worker.review.reviewers import measure
from worker.review.sway import measure_sway
from worker.review.tables import FLAGS
from worker.review.view import standing_of
from worker.verdicts import outcome

if TYPE_CHECKING:
    from worker.records import Appeal
    from worker.review.case import State
    from worker.review.console import Console
    from worker.review.entry import Entry
    from worker.review.queue import Filters
    from worker.review.sessions import Person
    from worker.review.view import Standing
    from worker.verdicts import Outcome

AUTHOR_FLAGS: Final = 200

ABSENT: Final = {
    "expired": "The post has expired: the topic keeps nothing that old any more.",
    "deleted": "The post was deleted: its record is gone from the topic.",
    "other": "Another post stands where the flag was made: the topic was made anew.",
    "unreadable": "The record can't be read as a post with this console's settings.",
    "away": "Kafka does not answer. Load the page again in a moment.",
}
CANT_SAY: Final = {
    "appealed-since": "An appeal came in since that page was shown, and stands below. Nothing was written.",
    "decided-before": "You have decided on this flag before: somebody else answers the appeal.",
    "not-in-hand": "Somebody else has this post in hand now; nothing was written.",
    "stale": "You had done something else about this post since that page was shown; nothing was written.",
    "nothing-to-undo": "There is nothing of yours to take back.",
}


def is_hidden(console: Console, person: Person, standing: Standing) -> bool:
    """Whether score, action and reasons are kept from somebody who has given no verdict yet."""
    return person.role != "auditor" and console.hides(standing, person.name)


def queue_page(console: Console, person: Person, filters: Filters) -> dict[str, Any]:
    """The queue."""
    hidden = console.settings.review.hide_until_verdict and person.role != "auditor"
    if hidden:
        # Asking for one action after the other would tell what is hidden.
        filters = filters._replace(action=None, least_score=None)
    page = console.queue.page(filters, now_ms())
    return {"page": page, "filters": filters, "hidden": hidden}


def flag_page(console: Console, person: Person, standing: Standing) -> dict[str, Any]:
    """One flag with its post."""
    flag, case = standing.flag, standing.case
    found = console.texts.of(flag)
    hidden = is_hidden(console, person, standing)
    holder = console.queue.holder(flag.id, now_ms())
    bars = () if hidden else charts.contributions(flag)
    decides = person.role == "lead" or (person.role == "reviewer" and case.state != "handed-over")
    return {
        "flag": flag,
        "case": case,
        "state": _shown_state(person, standing, in_hand=holder == person.name),
        "post": found.post,
        "absent": None if found.absence is None else ABSENT[found.absence],
        "hidden": hidden,
        "bars": bars,
        "bars_height": charts.height(bars),
        "half": charts.HALF,
        "holder": holder,
        "decides": decides and not case.bars(person.name) and holder in {None, person.name},
        "barred": decides and case.bars(person.name),
        "appeals": _shown_appeals(standing),
        "outcomes_shown": _sees_others(person, standing),
        "mark": mark_of(case.waiting),
        "in_hand": holder == person.name,
        "before": case.entries.get(person.name, 0),
        "mine": case.verdicts.get(person.name),
        "entries": _shown_entries(person, standing),
        "author": None if hidden or flag.author_id is None else _record(console, flag.author_id),
        "record": (charts.RECORD_WIDTH, charts.RECORD_HEIGHT),
        "metadata": msgspec.json.format(msgspec.json.encode(flag.metadata)).decode() if flag.metadata else "",
    }


def author_page(console: Console, author_id: str) -> dict[str, Any]:
    """An author's flags over time."""
    return {
        "author_id": author_id,
        "author": _record(console, author_id),
        "record": (charts.RECORD_WIDTH, charts.RECORD_HEIGHT),
        "most": AUTHOR_FLAGS,
    }


def appeals_page(console: Console) -> dict[str, Any]:
    """Appeals that wait, those that were answered, and records of their topic that have no effect."""
    share = console.settings.review.double_share
    with console.database.read() as connection:
        (waiting, waiting_total), (answered, answered_total) = (
            appealed_flags(connection, waiting=which) for which in (True, False)
        )
        astray = unusable(connection)
        standings = {
            flag_id: standing
            for flag_id in (*waiting, *answered)
            if (standing := standing_of(connection, flag_id, share)) is not None
        }
    return {
        "waiting": [standings[flag_id] for flag_id in waiting],
        "waiting_total": waiting_total,
        "answered": [(standings[flag_id].flag, _shown_appeals(standings[flag_id])) for flag_id in answered],
        "answered_total": answered_total,
        "unusable": astray,
        "topic": console.settings.topics.appeals,
    }


def people_page(console: Console) -> dict[str, Any]:
    """How the group is doing."""
    least = console.settings.review.least_sample
    said = console.said()
    return {
        "group": measure(said.verdicts, said.known, least=least),
        "sway": measure_sway(said.judgements, least=least),
        "least": least,
    }


def audit_page(console: Console) -> dict[str, Any]:
    """The latest of the audit trail."""
    lines = console.audit.latest()
    first = ("at", "event", "who")
    return {
        "lines": [
            ([line.get(name, "") for name in first], {key: line[key] for key in line if key not in first})
            for line in lines
        ]
    }


def moment(milliseconds: int) -> str:
    """A time as it is shown."""
    try:
        return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        return "unknown"


def _shown_state(person: Person, standing: Standing, *, in_hand: bool) -> State:
    """How things stand. A known text that others have judged comes like any other to who has not."""
    state = standing.case.state
    hidden = state == "decided" and in_hand and person.name not in standing.case.verdicts
    return "open" if hidden else state


def _shown_appeals(standing: Standing) -> list[tuple[Appeal, Outcome | None]]:
    """Appeals in the order in which they came, each with its outcome; None where it waits."""
    answers = standing.case.answers
    return [
        (appeal, outcome(answers[appeal.id].verdict) if appeal.id in answers else None)
        for appeal in standing.appeals
    ]


def _sees_others(person: Person, standing: Standing) -> bool:
    """What others said is kept from who is to decide on their own."""
    case = standing.case
    return person.role == "auditor" or person.name in case.verdicts or case.state == "handed-over"


def _shown_entries(person: Person, standing: Standing) -> list[Entry]:
    free = _sees_others(person, standing)
    return [entry for entry in standing.entries if free or entry.reviewer == person.name]


def _record(console: Console, author_id: str) -> tuple[charts.Mark, ...]:
    query = (
        select(FLAGS.c.id, FLAGS.c.action, FLAGS.c.score, FLAGS.c.posted_ms)
        .where(FLAGS.c.author_id == author_id)
        .order_by(FLAGS.c.posted_ms.desc())
        .limit(AUTHOR_FLAGS)
    )
    with console.database.read() as connection:
        rows = connection.execute(query).all()
    return charts.record([(row.id, row.action, row.score, row.posted_ms) for row in rows])
