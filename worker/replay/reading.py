"""A record as a replay reads it, from Kafka or from a capture."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.replay.plan import Range


class Read(NamedTuple):
    """One record: where it stood, its timestamp in milliseconds since 1970, key, value and headers."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()


class Stretch(NamedTuple):
    """Records that follow one another in a partition.

    Attributes:
        records: the records, in order; offsets may be missing between them.
        position: the offset from which reading goes on; it may lie behind markers that are no records.
        expired: whether what is missing was deleted while it was about to be read.
    """

    records: list[Read]
    position: int
    expired: bool = False


class RecordSource(Protocol):
    """Where records are read."""

    def read(self, of: Range, start: int) -> Iterator[Stretch]:
        """The records of a range from an offset on."""
        ...
