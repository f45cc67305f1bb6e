"""The console's database: a view that can be built again from the topics, locks, and who is signed in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from worker.errors import SettingsError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_TABLES: Final = MetaData()

# One row a flag. `flag` is the record's value as it came; the other columns are what is searched by.
FLAGS: Final = Table(
    "flags",
    _TABLES,
    Column("id", String, primary_key=True),
    Column("post_id", String, nullable=False),
    Column("author_id", String),
    Column("action", String, nullable=False),
    Column("score", Float, nullable=False),
    Column("probability", Float, nullable=False),
    Column("posted_ms", BigInteger, nullable=False),
    Column("state", String, nullable=False),
    Column("urgency", Float, nullable=False),
    Column("flag", LargeBinary, nullable=False),
)
# The queue is read along these, so that a page costs the same however many flags wait.
Index("flags_queue", FLAGS.c.state, FLAGS.c.urgency.desc(), FLAGS.c.posted_ms, FLAGS.c.id)
Index("flags_action", FLAGS.c.state, FLAGS.c.action, FLAGS.c.urgency.desc(), FLAGS.c.posted_ms, FLAGS.c.id)
Index("flags_author", FLAGS.c.author_id, FLAGS.c.posted_ms.desc())
Index("flags_post", FLAGS.c.post_id)

# One row an entry, in the order of the topic.
ENTRIES: Final = Table(
    "entries",
    _TABLES,
    Column("name", String, primary_key=True),
    Column("flag_id", String, nullable=False),
    Column("post_id", String, nullable=False),
    Column("reviewer", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("verdict", String, nullable=False),
    Column("note", String, nullable=False),
    Column("appeals", JSON, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
)
Index("entries_flag", ENTRIES.c.flag_id, ENTRIES.c.partition, ENTRIES.c.offset)
Index("entries_reviewer", ENTRIES.c.reviewer, ENTRIES.c.flag_id)

# One row an appeal. One that names a flag or a post that is not there stands here too, without effect.
APPEALS: Final = Table(
    "appeals",
    _TABLES,
    Column("flag_id", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("post_id", String, nullable=False),
    Column("statement", String, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
)

# One row a record of the appeals topic that can't be read.
UNUSABLE: Final = Table(
    "unusable",
    _TABLES,
    Column("partition", Integer, primary_key=True),
    Column("offset", BigInteger, primary_key=True),
    Column("why", String, nullable=False),
)

# The next offset to read of each partition. It moves in the transaction that stores what was read.
PLACES: Final = Table(
    "places",
    _TABLES,
    Column("topic", String, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("offset", BigInteger, nullable=False),
)

LOCKS: Final = Table(
    "locks",
    _TABLES,
    Column("flag_id", String, primary_key=True),
    Column("reviewer", String, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
)
Index("locks_reviewer", LOCKS.c.reviewer)

# `key` is a digest: who reads the database can't take a session over.
SESSIONS: Final = Table(
    "sessions",
    _TABLES,
    Column("key", String, primary_key=True),
    Column("reviewer", String, nullable=False),
    Column("role", String, nullable=False),
    Column("form_key", String, nullable=False),
    Column("begun_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
)

VIEW: Final = (FLAGS, ENTRIES, APPEALS, UNUSABLE, PLACES)
# With another number the view is thrown away and read again from the topics.
_VERSION: Final = 2
META: Final = Table("meta", _TABLES, Column("version", Integer, primary_key=True))

_BUSY_S: Final = 10


class Database:
    """Opens the database and makes what is missing.

    Args:
        url: an SQLAlchemy address, or the path of an SQLite file.

    Raises:
        SettingsError: it can't be opened.
    """

    def __init__(self, url: str) -> None:
        try:
            self._engine = _engine(url)
            with self.write() as connection:
                _TABLES.create_all(connection)
                if connection.execute(META.select()).scalar() != _VERSION:
                    for table in (*VIEW, META):
                        table.drop(connection, checkfirst=True)
                    _TABLES.create_all(connection)
                    connection.execute(META.insert().values(version=_VERSION))
        except (ArgumentError, SQLAlchemyError, OSError, ModuleNotFoundError) as error:
            raise _unopened(error) from error

    def read(self) -> Any:
        """A connection for reading, as a context manager."""
        return self._engine.connect()

    def write(self) -> Any:
        """A transaction, as a context manager: committed at its end, undone where it raises."""
        return self._engine.execution_options(writes=True).begin()

    def close(self) -> None:
        """Disconnects."""
        self._engine.dispose()


def try_out(url: str) -> str:
    """Connects to a database and changes nothing; says what answers.

    Raises:
        SettingsError: it can't be opened.
    """
    try:
        engine = _engine(url)
        try:
            with engine.connect() as connection:
                version = ".".join(map(str, connection.dialect.server_version_info or ()))
                return f"{connection.dialect.name} {version}"
        finally:
            engine.dispose()
    except (ArgumentError, SQLAlchemyError, OSError, ModuleNotFoundError) as error:
        raise _unopened(error) from error


def insert(connection: Connection, table: Table) -> Any:
    """An insert that can say what to do on a conflict; SQLite and PostgreSQL have the same words for it."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - only the one that is used

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite  # noqa: PLC0415 - as above

    return sqlite.insert(table)


def _unopened(error: Exception) -> SettingsError:
    why = str(getattr(error, "orig", None) or error).partition("\n")[0]
    return SettingsError(f"settings: review.database: it can't be opened: {why}")


def _engine(url: str) -> Engine:
    if "://" not in url:
        path = Path(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Notes and authors' ids are in it.
        path.touch(mode=0o600)
        url = f"sqlite:///{path}"
    address = make_url(url)
    if address.get_backend_name() not in {"sqlite", "postgresql"}:
        raise ArgumentError(f"neither SQLite nor PostgreSQL: {address.get_backend_name()}")
    if address.drivername == "postgresql":
        # SQLAlchemy 2.0 would take psycopg2.
        address = address.set(drivername="postgresql+psycopg")
    if address.get_backend_name() != "sqlite":
        return create_engine(address, pool_pre_ping=True)
    engine = create_engine(address, connect_args={"timeout": _BUSY_S, "check_same_thread": False})

    # sqlite3 begins transactions by rules of its own; here each begins as it is meant.
    @event.listens_for(engine, "connect")
    def connected(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "cache_size=-65536"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        # A transaction that will write takes the right to at once: one that began to read can't get it later.
        immediate = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine
