"""Opens the console's database, and looks that it is this console's: its version, its filling."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import MetaData, Table, create_engine, event, func, inspect, make_url, select
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.schema import CreateSchema, DropTable

from worker.errors import SettingsError
from worker.review.tables import META, TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

# Tables of an older number are dropped, and the view is read again from the topics.
_VERSION: Final = 4
# On PostgreSQL the tables have a schema of their own, beside whatever else is in the database.
_SCHEMA: Final = "flagstaff_review"
# What `pg_advisory_xact_lock` locks: a number that nobody else is likely to use, "flag" in ASCII.
_ADVISORY: Final = (0x666C6167, 1)
_BUSY_S: Final = 10


class Database:
    """Opens the database, makes what is missing, and replaces what an older version left.

    Args:
        url: an SQLAlchemy address, or the path of an SQLite file.

    Raises:
        SettingsError: it can't be opened, or is not this console's.
    """

    def __init__(self, url: str) -> None:
        try:
            self._engine = _engine(url)
        except (ArgumentError, SQLAlchemyError, OSError, ModuleNotFoundError) as error:
            raise _unopened(error) from error
        try:
            with self.write(alone=True) as connection:
                _prepare(connection)
        except (SQLAlchemyError, OSError) as error:
            self.close()
            raise _unopened(error) from error
        except SettingsError:
            self.close()
            raise

    def read(self) -> Any:
        """A connection for reading, as a context manager."""
        return self._engine.connect()

    @contextmanager
    def write(self, *, alone: bool = False) -> Iterator[Connection]:
        """A transaction: committed at its end, undone where it raises.

        Args:
            alone: whether no other transaction that asks for it runs beside this one, in whatever console.
                On SQLite none does anyway.
        """
        with self._engine.execution_options(writes=True).begin() as connection:
            if alone and _schema_of(connection):
                connection.execute(select(func.pg_advisory_xact_lock(*_ADVISORY)))
            yield connection

    def close(self) -> None:
        """Disconnects."""
        self._engine.dispose()


def epoch_of(connection: Connection) -> str:
    """Which filling of the view this is.

    Raises:
        SettingsError: a newer version of the console has taken the database over.
    """
    found = connection.execute(select(META)).first()
    if found is None or found.version != _VERSION:
        raise SettingsError(
            "settings: review.database: another version of the console has taken it over: run that version, "
            "or give this one a database of its own"
        )
    return str(found.epoch)


def renew_epoch(connection: Connection) -> str:
    """Begins another filling; says which."""
    epoch = secrets.token_hex(8)
    connection.execute(META.update().values(epoch=epoch))
    return epoch


def _prepare(connection: Connection) -> None:
    schema = _schema_of(connection)
    if schema:
        connection.execute(CreateSchema(schema, if_not_exists=True))
    names = inspect(connection).get_table_names(schema)
    if names and META.name not in names:
        raise SettingsError(
            f"settings: review.database: it holds tables that are none of the console's ({names[0]}, …): "
            "give the console one of its own"
        )
    found = connection.execute(select(META.c.version)).scalar() if names else None
    if found is not None and found > _VERSION:
        raise SettingsError(
            f"settings: review.database: it is of a newer version of the console ({found}; this is "
            f"{_VERSION}): run that version, or delete it, and the view is built anew"
        )
    if found == _VERSION:
        return
    for name in names:
        connection.execute(DropTable(Table(name, MetaData(), schema=schema)))
    TABLES.create_all(connection)
    connection.execute(META.insert().values(version=_VERSION))
    renew_epoch(connection)


def _schema_of(connection: Connection) -> str | None:
    return _SCHEMA if connection.dialect.name == "postgresql" else None


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
        return create_engine(
            address, pool_pre_ping=True, execution_options={"schema_translate_map": {None: _SCHEMA}}
        )
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
