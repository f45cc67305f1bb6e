"""What everybody said of every flag, read from the view for measuring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import select

from worker.release.seen import acts
from worker.review.sway import Judgement
from worker.review.tables import ENTRIES, FLAGS
from worker.review.view import case_of, entries_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from worker.records import Verdict
    from worker.review.case import Case
    from worker.review.database import Database
    from worker.review.entry import Entry

_AT_ONCE: Final = 500


class Said(NamedTuple):
    """What was said.

    Answers to appeals are left out: who gave one knew what the author says, and of appealed flags alone.

    Attributes:
        verdicts: for each flag what each reviewer said last.
        known: for flags of texts whose author is known, what is true.
        judgements: each reviewer's of each flag that stands against its author.
    """

    verdicts: Mapping[str, Mapping[str, Verdict]]
    known: Mapping[str, Verdict]
    judgements: Sequence[Judgement]


def read_said(database: Database, known: Mapping[str, Verdict], double_share: float) -> Said:
    """Reads it.

    Args:
        database: the view.
        known: what is true of posts whose author is known, by their ids.
        double_share: the share of flags that two people decide on.
    """
    verdicts: dict[str, Mapping[str, Verdict]] = {}
    true: dict[str, Verdict] = {}
    judgements: list[Judgement] = []
    with database.read() as connection:
        query = select(FLAGS.c.id, FLAGS.c.action, FLAGS.c.post_id).where(
            FLAGS.c.id.in_(select(ENTRIES.c.flag_id).distinct())
        )
        rows = connection.execute(query).all()
        for start in range(0, len(rows), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            done = entries_of(connection, [row.id for row in some])
            for row in some:
                entries = done.get(row.id, [])
                case = case_of(row.id, row.action, entries, (), double_share)
                verdicts[row.id] = {
                    name: entry.verdict for name, entry in case.latest.items() if not entry.appeals
                }
                if row.post_id in known:
                    true[row.id] = known[row.post_id]
                if acts(row.action):
                    judgements += _judgements(entries, case, true.get(row.id))
    return Said(verdicts, true, judgements)


def _judgements(entries: Sequence[Entry], case: Case, truth: Verdict | None) -> Iterator[Judgement]:
    first: dict[str, Entry] = {}
    for entry in entries:
        if entry.kind == "verdict" and not entry.appeals:
            first.setdefault(entry.reviewer, entry)
    for name, entry in first.items():
        last = case.latest.get(name)
        standing = None if last is None or last.appeals else last.verdict
        yield Judgement(entry.verdict, standing, entry.seen, truth)
