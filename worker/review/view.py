"""Writes what the topics hold into the database, together with how far it was read."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from sqlalchemy import bindparam, select

from worker.records import Flag
from worker.review.appeal import appeals_of, received, store_appeals
from worker.review.case import fold
from worker.review.database import epoch_of, insert, renew_epoch
from worker.review.entry import Entry, from_record
from worker.review.sampling import reviewers_needed
from worker.review.tables import ENTRIES, FLAGS, PLACES, VIEW
from worker.review.urgency import urgency

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

    from worker.records import Action, Appeal
    from worker.review.case import Case
    from worker.review.database import Database

Places = dict[tuple[str, int], int]

# SQLite takes no more values than some thousands in one statement.
_AT_ONCE: Final = 500
_EPOCH_MS: Final = 1000


class ViewEmptiedError(Exception):
    """Another console has emptied the view since this one looked where it stands."""


class View:
    """The view's writer. One thread calls it.

    Args:
        database: where the view is.
        double_share: the share of flags that two people decide on.
    """

    def __init__(self, database: Database, double_share: float) -> None:
        self._database = database
        self._double_share = double_share
        self._flags = msgspec.json.Decoder(Flag)
        with database.read() as connection:
            self._epoch = epoch_of(connection)

    def places(self) -> Places:
        """The next offset to read, by topic and partition.

        Raises:
            SettingsError: another version of the console has taken the database over.
        """
        with self._database.read() as connection:
            self._epoch = epoch_of(connection)
            return {(row.topic, row.partition): row.offset for row in connection.execute(select(PLACES))}

    def forget(self) -> None:
        """Empties the view: what the topics hold is to be read again."""
        with self._database.write(alone=True) as connection:
            for table in VIEW:
                connection.execute(table.delete())
            self._epoch = renew_epoch(connection)

    def store(
        self,
        flags: Iterable[Any],
        decisions: Iterable[Any],
        places: Places,
        *,
        appeals: Iterable[Any] = (),
    ) -> int:
        """Takes records in and notes how far was read, all or nothing.

        Args:
            flags: records of the flags topic.
            decisions: records of the decisions topic.
            places: the next offset to read, of the partitions that have moved.
            appeals: records of the appeals topic.

        Returns:
            How many records were unreadable and passed over.

        Raises:
            ViewEmptiedError: another console has emptied the view; `places` says where it stands now.
            SettingsError: another version of the console has taken the database over.
        """
        rows, touched, bad = self._flag_rows(flags)
        appealed = received(appeals)
        bad += len(appealed.unusable)
        touched |= {row["flag_id"] for row in appealed.rows}
        entries: list[tuple[Entry, Any]] = []
        for record in decisions:
            entry = from_record(record)
            if entry is None:
                bad += 1
            else:
                entries.append((entry, record))
                touched.add(entry.flag_id)
        # Alone: of two consoles the one that lags behind folds fewer entries, and might store that last.
        with self._database.write(alone=True) as connection:
            if epoch_of(connection) != self._epoch:
                raise ViewEmptiedError
            if entries:
                connection.execute(
                    insert(connection, ENTRIES).on_conflict_do_nothing(),
                    [_entry_row(entry, record) for entry, record in entries],
                )
            if rows:
                connection.execute(insert(connection, FLAGS).on_conflict_do_nothing(), rows)
            store_appeals(connection, appealed)
            self._fold(connection, sorted(touched))
            for (topic, partition), offset in places.items():
                written = insert(connection, PLACES).values(topic=topic, partition=partition, offset=offset)
                connection.execute(
                    written.on_conflict_do_update(
                        index_elements=["topic", "partition"], set_={"offset": offset}
                    )
                )
        return bad

    def _flag_rows(self, records: Iterable[Any]) -> tuple[list[dict[str, Any]], set[str], int]:
        rows, ids, bad = [], set(), 0
        for record in records:
            try:
                flag = self._flags.decode(record.value or b"")
            except (msgspec.DecodeError, UnicodeDecodeError):
                bad += 1
                continue
            case = fold(flag.action, reviewers_needed(flag.id, self._double_share), ())
            ids.add(flag.id)
            rows.append(
                {
                    "id": flag.id,
                    "post_id": flag.post_id,
                    "author_id": flag.author_id,
                    "action": flag.action,
                    "score": flag.score,
                    "probability": flag.detector.probability,
                    "posted_ms": flag.source.timestamp,
                    "state": case.state,
                    "urgency": urgency(flag.action, flag.score, case.state),
                    "flag": record.value,
                }
            )
        return rows, ids, bad

    def _fold(self, connection: Connection, ids: Sequence[str]) -> None:
        """Works out again how things stand with flags on which something was done."""
        changed = []
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            done, appeals = entries_of(connection, some), appeals_of(connection, some)
            if not done and not appeals:
                continue
            facts = select(FLAGS.c.id, FLAGS.c.action, FLAGS.c.score)
            for row in connection.execute(facts.where(FLAGS.c.id.in_([*done, *appeals]))):
                case = case_of(
                    row.id, row.action, done.get(row.id, ()), appeals.get(row.id, ()), self._double_share
                )
                changed.append(
                    {"of": row.id, "to": case.state, "at": urgency(row.action, row.score, case.state)}
                )
        if changed:
            update = FLAGS.update().where(FLAGS.c.id == bindparam("of"))
            connection.execute(update.values(state=bindparam("to"), urgency=bindparam("at")), changed)


class Standing(NamedTuple):
    """A flag as it came, what was done about it, what its author says, and how things stand."""

    flag: Flag
    entries: Sequence[Entry]
    appeals: Sequence[Appeal]
    case: Case


def standing_of(connection: Connection, flag_id: str, double_share: float) -> Standing | None:
    """A flag and how things stand with it; None where there is no such flag."""
    value = connection.execute(select(FLAGS.c.flag).where(FLAGS.c.id == flag_id)).scalar()
    if value is None:
        return None
    flag = msgspec.json.decode(value, type=Flag)
    entries = entries_of(connection, [flag_id]).get(flag_id, [])
    appeals = appeals_of(connection, [flag_id]).get(flag_id, [])
    return Standing(flag, entries, appeals, case_of(flag_id, flag.action, entries, appeals, double_share))


def case_of(
    flag_id: str, action: Action, entries: Sequence[Entry], appeals: Sequence[Appeal], double_share: float
) -> Case:
    """How things stand with a flag after these entries and appeals."""
    return fold(action, reviewers_needed(flag_id, double_share), entries, [appeal.id for appeal in appeals])


def entries_of(connection: Connection, flag_ids: Sequence[str]) -> dict[str, list[Entry]]:
    """What was done about flags, in the order of the topic."""
    query = (
        select(ENTRIES)
        .where(ENTRIES.c.flag_id.in_(flag_ids))
        .order_by(ENTRIES.c.flag_id, ENTRIES.c.partition, ENTRIES.c.offset)
    )
    found: dict[str, list[Entry]] = defaultdict(list)
    for row in connection.execute(query):
        found[row.flag_id].append(
            Entry(
                name=row.name,
                flag_id=row.flag_id,
                post_id=row.post_id,
                reviewer=row.reviewer,
                kind=row.kind,
                verdict=row.verdict,
                note=row.note,
                at=datetime.fromtimestamp(row.at_ms / _EPOCH_MS, UTC),
                appeals=tuple(row.appeals),
                exercise=row.exercise,
                seen=row.seen,
            )
        )
    return found


def _entry_row(entry: Entry, record: Any) -> dict[str, Any]:
    return {
        "name": entry.name,
        "flag_id": entry.flag_id,
        "post_id": entry.post_id,
        "reviewer": entry.reviewer,
        "kind": entry.kind,
        "verdict": entry.verdict,
        "note": entry.note,
        "appeals": entry.appeals,
        "exercise": entry.exercise,
        "seen": entry.seen,
        "at_ms": round(entry.at.timestamp() * _EPOCH_MS),
        "partition": record.partition,
        "offset": record.offset,
    }
