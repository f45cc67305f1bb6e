"""What waits for whom, and who has which flag in hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import and_, exists, func, or_, select, tuple_

from worker.review.database import insert
from worker.review.tables import ENTRIES, FLAGS, LOCKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection, Row

    from worker.records import Action
    from worker.review.case import State
    from worker.review.database import Database

PAGE: Final = 50
_COUNTED: Final = 10_000
_ORDER: Final = (FLAGS.c.urgency.desc(), FLAGS.c.posted_ms, FLAGS.c.id)


class Filters(NamedTuple):
    """Which flags are shown; None: any. `after` is the place of the last one of the page before."""

    state: State = "open"
    action: Action | None = None
    author_id: str | None = None
    post_id: str | None = None
    least_score: float | None = None
    after: tuple[float, int, str] | None = None


class Page(NamedTuple):
    """A page of the queue.

    Attributes:
        rows: at most `PAGE` of them, most urgent first.
        more: where the next page begins; None on the last one.
        matching: how many flags match, counted no further than 10,000.
        capped: whether there are more than that.
    """

    rows: Sequence[Row[tuple[object, ...]]]
    more: tuple[float, int, str] | None
    matching: int
    capped: bool


class Queue:
    """Reads the queue and keeps locks.

    Args:
        database: where both are.
        lock_ms: how long a flag stays in a reviewer's hand.
    """

    def __init__(self, database: Database, lock_ms: int) -> None:
        self._database = database
        self._lock_ms = lock_ms

    def page(self, filters: Filters, now_ms: int) -> Page:
        """A page of flags, each with who has it in hand."""
        wanted = _matching(filters)
        holder = select(LOCKS.c.reviewer).where(LOCKS.c.flag_id == FLAGS.c.id, LOCKS.c.until_ms > now_ms)
        columns = (
            FLAGS.c.id, FLAGS.c.post_id, FLAGS.c.author_id, FLAGS.c.action, FLAGS.c.score, FLAGS.c.posted_ms,
            FLAGS.c.state, FLAGS.c.urgency, holder.scalar_subquery().label("held_by"),
        )  # fmt: skip
        query = select(*columns).where(*wanted)
        if filters.after is not None:
            urgency, posted, flag_id = filters.after
            later = tuple_(FLAGS.c.posted_ms, FLAGS.c.id) > tuple_(posted, flag_id)
            query = query.where(FLAGS.c.urgency <= urgency, or_(FLAGS.c.urgency < urgency, later))
        counted = select(FLAGS.c.id).where(*wanted).limit(_COUNTED + 1).subquery()
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(*_ORDER).limit(PAGE + 1)).all()
            count = connection.execute(select(func.count()).select_from(counted)).scalar_one()
        last = rows[PAGE - 1] if len(rows) > PAGE else None
        more = None if last is None else (last.urgency, last.posted_ms, last.id)
        return Page(rows[:PAGE], more, min(count, _COUNTED), count > _COUNTED)

    def take_next(
        self,
        reviewer: str,
        now_ms: int,
        *,
        lead: bool,
        action: Action | None = None,
        known: Sequence[str] = (),
    ) -> str | None:
        """Puts the most urgent flag that nobody else has in hand into a reviewer's.

        What the reviewer has in hand already comes first. Nobody is given a flag that they have done
        something about; a lead is also given what was handed over.

        Args:
            reviewer: who asks.
            now_ms: the time, in milliseconds since 1970.
            lead: whether a lead asks.
            action: only flags of this action.
            known: posts whose author is known; where there are any, the flag is one of theirs if one is left.

        Returns:
            The flag's id; None where nothing waits.
        """
        with self._database.write() as connection:
            states = ("appealed", "handed-over", "open") if lead else ("appealed", "open")
            decided_before = exists().where(
                ENTRIES.c.flag_id == FLAGS.c.id,
                ENTRIES.c.reviewer == reviewer,
                ENTRIES.c.kind == "verdict",
                # An answer to an appeal that was taken back may be given again.
                func.json_array_length(ENTRIES.c.appeals) == 0,
            )
            mine = (
                select(LOCKS.c.flag_id)
                .join(FLAGS, FLAGS.c.id == LOCKS.c.flag_id)
                .where(LOCKS.c.reviewer == reviewer, LOCKS.c.until_ms > now_ms)
                .where(FLAGS.c.state.in_(states))
                # An appeal that came in while it was in the hand of who had decided: somebody else answers.
                .where(or_(FLAGS.c.state != "appealed", ~decided_before))
            )
            in_hand: str | None = connection.execute(mine).scalar()
            if in_hand is not None:
                return in_hand if self._lock(connection, in_hand, reviewer, now_ms) else None
            free = and_(
                ~exists().where(
                    LOCKS.c.flag_id == FLAGS.c.id, LOCKS.c.until_ms > now_ms, LOCKS.c.reviewer != reviewer
                ),
                ~exists().where(ENTRIES.c.flag_id == FLAGS.c.id, ENTRIES.c.reviewer == reviewer),
            )
            searches: list[list[ColumnElement[bool]]] = [[FLAGS.c.state == state] for state in states]
            if known:
                searches.insert(0, [FLAGS.c.post_id.in_(known)])
            for search in searches:
                narrowed = search if action is None else [*search, FLAGS.c.action == action]
                query = select(FLAGS.c.id).where(*narrowed, free).order_by(*_ORDER).limit(1)
                # Where another console has put it into somebody's hand meanwhile, the next one is looked for.
                while (found := connection.execute(query).scalar()) is not None:
                    if self._lock(connection, found, reviewer, now_ms):
                        return str(found)
        return None

    def take(self, flag_id: str, reviewer: str, now_ms: int) -> bool:
        """Puts a flag into a reviewer's hand, or keeps it there; False where somebody else has it."""
        with self._database.write() as connection:
            return self._lock(connection, flag_id, reviewer, now_ms)

    def holder(self, flag_id: str, now_ms: int) -> str | None:
        """Who has a flag in hand."""
        query = select(LOCKS.c.reviewer).where(LOCKS.c.flag_id == flag_id, LOCKS.c.until_ms > now_ms)
        with self._database.read() as connection:
            name: str | None = connection.execute(query).scalar()
            return name

    def release(self, flag_id: str, reviewer: str) -> None:
        """Takes a flag out of a reviewer's hand."""
        with self._database.write() as connection:
            connection.execute(LOCKS.delete().where(LOCKS.c.flag_id == flag_id, LOCKS.c.reviewer == reviewer))

    def _lock(self, connection: Connection, flag_id: str, reviewer: str, now_ms: int) -> bool:
        until = now_ms + self._lock_ms
        written = insert(connection, LOCKS).values(flag_id=flag_id, reviewer=reviewer, until_ms=until)
        # One statement, so that of two at once only one gets it.
        mine_or_over = or_(LOCKS.c.reviewer == reviewer, LOCKS.c.until_ms <= now_ms)
        taken = written.on_conflict_do_update(
            index_elements=["flag_id"], set_={"reviewer": reviewer, "until_ms": until}, where=mine_or_over
        ).returning(LOCKS.c.flag_id)
        return connection.execute(taken).first() is not None


def _matching(filters: Filters) -> list[ColumnElement[bool]]:
    # An author's or a post's flags are all of interest, whatever their state.
    wanted: list[ColumnElement[bool]] = []
    if filters.author_id is not None:
        wanted.append(FLAGS.c.author_id == filters.author_id)
    if filters.post_id is not None:
        wanted.append(FLAGS.c.post_id == filters.post_id)
    if not wanted:
        wanted.append(FLAGS.c.state == filters.state)
    if filters.action is not None:
        wanted.append(FLAGS.c.action == filters.action)
    if filters.least_score is not None:
        wanted.append(FLAGS.c.score >= filters.least_score)
    return wanted
