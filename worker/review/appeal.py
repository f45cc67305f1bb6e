"""Authors' appeals: what their topic holds, as it stands in the view."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from sqlalchemy import and_, func, or_, select

from worker.records import Appeal
from worker.review.database import insert
from worker.review.tables import APPEALS, FLAGS, UNUSABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

SHOWN: Final = 50
# An answer names all appeals that it answers, and a record holds only so much.
MOST_A_FLAG: Final = 50
_MS: Final = 1000
_LONGEST_REASON: Final = 300


class Received(NamedTuple):
    """Appeals as they were read.

    Attributes:
        rows: of those that can be read.
        unusable: of those that can't: where they are, and why.
    """

    rows: list[dict[str, Any]]
    unusable: list[dict[str, Any]]


class Unusable(NamedTuple):
    """Records of the appeals topic that stand for nothing.

    Attributes:
        latest: the latest `SHOWN` of them: partition, offset, and a sentence that says what is wrong.
        total: how many there are.
    """

    latest: Sequence[tuple[int, int, str]]
    total: int


def received(records: Iterable[Any]) -> Received:
    """Reads records of the appeals topic."""
    rows, unusable = [], []
    for record in records:
        place = {"partition": record.partition, "offset": record.offset}
        try:
            rows.append({**place, **_row(msgspec.json.decode(record.value or b"", type=Appeal))})
        # Neither UTF-8, nor a time that can be shown, nor text that a database takes: a ValueError.
        except (msgspec.DecodeError, ValueError) as error:
            unusable.append({**place, "why": f"It is no appeal: {error}."[:_LONGEST_REASON]})
    return Received(rows, unusable)


def _row(appeal: Appeal) -> dict[str, Any]:
    at_ms = round(appeal.appealed_at.timestamp() * _MS)
    datetime.fromtimestamp(at_ms / _MS, UTC)
    words = {
        "flag_id": appeal.flag_id,
        "id": appeal.id,
        "post_id": appeal.post_id,
        "statement": appeal.statement,
    }
    for name, value in words.items():
        if "\0" in value:
            # PostgreSQL takes none.
            raise ValueError(f"a NUL character - at `$.{name}`")
    return {**words, "at_ms": at_ms}


def store_appeals(connection: Connection, read: Received) -> None:
    """Writes them; one that was written before stays as it was."""
    for table, rows in ((APPEALS, read.rows), (UNUSABLE, read.unusable)):
        if rows:
            connection.execute(insert(connection, table).on_conflict_do_nothing(), rows)


def appeals_of(connection: Connection, flag_ids: Sequence[str]) -> dict[str, list[Appeal]]:
    """Appeals against flags, in the order of the topic; those that name another post are none.

    Of one flag there are the first `MOST_A_FLAG`.
    """
    query = (
        select(APPEALS)
        .join(FLAGS, and_(FLAGS.c.id == APPEALS.c.flag_id, FLAGS.c.post_id == APPEALS.c.post_id))
        .where(APPEALS.c.flag_id.in_(flag_ids))
        .order_by(APPEALS.c.flag_id, APPEALS.c.partition, APPEALS.c.offset)
    )
    found: dict[str, list[Appeal]] = defaultdict(list)
    for row in connection.execute(query):
        if len(found[row.flag_id]) == MOST_A_FLAG:
            continue
        found[row.flag_id].append(
            Appeal(
                id=row.id,
                flag_id=row.flag_id,
                post_id=row.post_id,
                statement=row.statement,
                appealed_at=datetime.fromtimestamp(row.at_ms / _MS, UTC),
            )
        )
    return found


def appealed_flags(connection: Connection, *, waiting: bool) -> tuple[Sequence[str], int]:
    """Flags with appeals.

    Args:
        connection: to the view.
        waiting: those of which an appeal waits, the oldest appeal first; else the others, latest first.

    Returns:
        The ids of the first `SHOWN`, and how many there are.
    """
    state = FLAGS.c.state == "appealed" if waiting else FLAGS.c.state != "appealed"
    joined = and_(FLAGS.c.id == APPEALS.c.flag_id, FLAGS.c.post_id == APPEALS.c.post_id)
    at = func.min(APPEALS.c.at_ms) if waiting else func.max(APPEALS.c.at_ms).desc()
    query = select(FLAGS.c.id).join(APPEALS, joined).where(state).group_by(FLAGS.c.id)
    ids = connection.execute(query.order_by(at, FLAGS.c.id).limit(SHOWN)).scalars().all()
    count = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    return ids, count


def unusable(connection: Connection) -> Unusable:
    """Records without effect: unreadable, of no known flag, of another post, or one too many of a flag."""
    number = func.row_number().over(
        partition_by=(APPEALS.c.flag_id, APPEALS.c.post_id), order_by=(APPEALS.c.partition, APPEALS.c.offset)
    )
    places = (APPEALS.c.partition, APPEALS.c.offset)
    numbered = (
        select(*places, APPEALS.c.flag_id, FLAGS.c.id, number.label("number"))
        .add_columns((FLAGS.c.post_id != APPEALS.c.post_id).label("of_another"))
        .join(FLAGS, FLAGS.c.id == APPEALS.c.flag_id, isouter=True)
        .subquery()
    )
    columns = numbered.c
    astray = select(numbered).where(
        or_(columns.id.is_(None), columns.of_another, columns.number > MOST_A_FLAG)
    )
    found = [
        (row.partition, row.offset, _why(row))
        for row in connection.execute(astray.order_by(columns.offset.desc()).limit(SHOWN))
    ]
    unread = select(UNUSABLE).order_by(UNUSABLE.c.offset.desc()).limit(SHOWN)
    found += [(row.partition, row.offset, row.why) for row in connection.execute(unread)]
    total = sum(
        connection.execute(select(func.count()).select_from(one)).scalar_one()
        for one in (astray.subquery(), UNUSABLE)
    )
    return Unusable(sorted(found, key=lambda one: (-one[1], one[0]))[:SHOWN], total)


def _why(row: Any) -> str:
    if row.id is None:
        return f"There is no flag {row.flag_id}."
    if row.of_another:
        return f"Flag {row.flag_id} is of another post."
    return f"Flag {row.flag_id} has {MOST_A_FLAG} appeals before it."
