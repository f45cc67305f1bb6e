"""The tables of the console's database: the view, locks, and who is signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
)

if TYPE_CHECKING:
    from sqlalchemy import Dialect

TABLES: Final = MetaData()


class Text(TypeDecorator[str]):
    """Text in which U+FFFD stands for U+0000, which PostgreSQL does not take."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """What is stored or looked for."""
        del dialect
        return None if value is None else value.replace("\0", "\ufffd")


# One row a flag. `flag` is the record's value as it came; the other columns are what is searched by.
FLAGS: Final = Table(
    "flags",
    TABLES,
    Column("id", Text, primary_key=True),
    Column("post_id", Text, nullable=False),
    Column("author_id", Text),
    Column("action", Text, nullable=False),
    Column("score", Float, nullable=False),
    Column("probability", Float, nullable=False),
    Column("posted_ms", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
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
    TABLES,
    Column("name", Text, primary_key=True),
    Column("flag_id", Text, nullable=False),
    Column("post_id", Text, nullable=False),
    Column("reviewer", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("appeals", JSON, nullable=False),
    Column("exercise", Boolean, nullable=False),
    Column("seen", Text),
    Column("at_ms", BigInteger, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
)
Index("entries_flag", ENTRIES.c.flag_id, ENTRIES.c.partition, ENTRIES.c.offset)
Index("entries_reviewer", ENTRIES.c.reviewer, ENTRIES.c.flag_id)

# One row an appeal. One that names a flag or a post that is not there stands here too, without effect.
APPEALS: Final = Table(
    "appeals",
    TABLES,
    Column("flag_id", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("post_id", Text, nullable=False),
    Column("statement", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
)

# One row a record of the appeals topic that can't be read.
UNUSABLE: Final = Table(
    "unusable",
    TABLES,
    Column("partition", Integer, primary_key=True),
    Column("offset", BigInteger, primary_key=True),
    Column("why", Text, nullable=False),
)

# The next offset to read of each partition. It moves in the transaction that stores what was read.
PLACES: Final = Table(
    "places",
    TABLES,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("offset", BigInteger, nullable=False),
)

LOCKS: Final = Table(
    "locks",
    TABLES,
    Column("flag_id", Text, primary_key=True),
    Column("reviewer", Text, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
)
Index("locks_reviewer", LOCKS.c.reviewer)

# `key` is a digest: who reads the database can't take a session over.
SESSIONS: Final = Table(
    "sessions",
    TABLES,
    Column("key", Text, primary_key=True),
    Column("reviewer", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("form_key", Text, nullable=False),
    Column("begun_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
)

VIEW: Final = (FLAGS, ENTRIES, APPEALS, UNUSABLE, PLACES)

# `epoch` changes whenever the view is emptied, so that whoever was writing into it notices.
META: Final = Table("meta", TABLES, Column("version", Integer, primary_key=True), Column("epoch", Text))
