"""Who is signed in: one-time links, and sessions that end."""

from __future__ import annotations

import secrets
import threading
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, get_args

from sqlalchemy import or_, select

from worker.review.tables import SESSIONS

if TYPE_CHECKING:
    from worker.review.database import Database

Role = Literal["reviewer", "lead", "auditor"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)

_SEEN_EVERY_MS: Final = 10_000


class Person(NamedTuple):
    """Who asks.

    Attributes:
        name: who.
        role: a `reviewer` decides; a `lead` also decides what was handed over, and sees the group's figures;
            an `auditor` sees everything and decides nothing.
        form_key: what every form of theirs must carry, so that no other site can send one for them.
        session: the session's key; empty where a proxy says who they are.
    """

    name: str
    role: Role
    form_key: str
    session: str = ""


class Links:
    """Links that let somebody in once."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._waiting: dict[str, tuple[str, Role]] = {}

    def make(self, name: str, role: Role) -> str:
        """A key that stands for a person until it is used."""
        key = secrets.token_urlsafe(32)
        with self._turn:
            self._waiting[_digest(key)] = (name, role)
        return key

    def use(self, key: str) -> tuple[str, Role] | None:
        """Whom a key stands for, once."""
        with self._turn:
            return self._waiting.pop(_digest(key), None)


class Sessions:
    """Sessions in the database, known by the digest of their key.

    Args:
        database: where they are.
        longest_ms: after which one ends.
        idle_ms: after which one ends that nothing was asked in.
    """

    def __init__(self, database: Database, *, longest_ms: int, idle_ms: int) -> None:
        self._database = database
        self._longest_ms = longest_ms
        self._idle_ms = idle_ms

    def begin(self, name: str, role: Role, now_ms: int) -> str:
        """Begins one; its key, which is kept nowhere here."""
        key = secrets.token_urlsafe(32)
        with self._database.write() as connection:
            connection.execute(
                SESSIONS.delete().where(
                    or_(
                        SESSIONS.c.begun_ms <= now_ms - self._longest_ms,
                        SESSIONS.c.seen_ms <= now_ms - self._idle_ms,
                    )
                )
            )
            connection.execute(
                SESSIONS.insert().values(
                    key=_digest(key),
                    reviewer=name,
                    role=role,
                    form_key=secrets.token_urlsafe(32),
                    begun_ms=now_ms,
                    seen_ms=now_ms,
                )
            )
        return key

    def find(self, key: str, now_ms: int) -> Person | None:
        """Whose session it is; None where there is none, or it is over."""
        with self._database.read() as connection:
            row = connection.execute(select(SESSIONS).where(SESSIONS.c.key == _digest(key))).first()
        if row is None or now_ms - row.begun_ms >= self._longest_ms or now_ms - row.seen_ms >= self._idle_ms:
            return None
        if now_ms - row.seen_ms >= min(_SEEN_EVERY_MS, self._idle_ms // 4):
            with self._database.write() as connection:
                seen = SESSIONS.update().where(SESSIONS.c.key == row.key)
                connection.execute(seen.values(seen_ms=now_ms))
        return Person(row.reviewer, row.role, row.form_key, key)

    def end(self, key: str) -> None:
        """Ends one."""
        with self._database.write() as connection:
            connection.execute(SESSIONS.delete().where(SESSIONS.c.key == _digest(key)))


def _digest(key: str) -> str:
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
