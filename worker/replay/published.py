"""What was published of a range: its flags and dead letters, in the order of the posts' places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import msgspec
from msgspec import Struct

from worker.records import Flag
from worker.replay.disk_sort import sorted_on_disk
from worker.stream.dead_letters import SOURCE, STAGE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from worker.records import Source
    from worker.replay.kafka_range import KafkaRange
    from worker.replay.plan import Range
    from worker.replay.reading import Read

# A flag follows its post. Producers' clocks may run so far ahead of the worker's.
_CLOCKS_MS: Final = 3_600_000


class Published(Struct, array_like=True):
    """A flag, or the stage of a dead letter, with the place of its post and its own.

    Attributes:
        partition: the post's.
        offset: the post's.
        at: the record's timestamp, in milliseconds since 1970.
        own_partition: where the record itself stands.
        own_offset: as above.
        flag: the flag's JSON as it was published.
        stage: the dead letter's stage.
    """

    partition: int
    offset: int
    at: int
    own_partition: int
    own_offset: int
    flag: str | None = None
    stage: str | None = None


_FLAG: Final = msgspec.json.Decoder(Flag)


class PublishedSource(Protocol):
    """Where what was published is read.

    Attributes:
        unreadable: records of the flags topic that are no flags, so far.
    """

    unreadable: int

    def read(self, earliest_ms: int, folder: Path) -> Iterator[Published]:
        """What was published of the range, sorted by the post's place."""
        ...


def place_of(published: Published) -> tuple[int, ...]:
    """Orders by the post's place, then by time of publication."""
    one = published
    return one.partition, one.offset, one.flag is None, one.at, one.own_partition, one.own_offset


class PublishedReader:
    """Reads flags and dead letters.

    Args:
        flags: the topic of flags.
        letters: the topic of dead letters.
        topic: the posts topic.
        times: where the range begins and ends in time, in milliseconds since 1970; None: named otherwise.
        ranges: its offsets.

    Attributes:
        unreadable: records of the flags topic that are no flags, so far.
    """

    def __init__(
        self,
        flags: KafkaRange,
        letters: KafkaRange,
        topic: str,
        times: tuple[int | None, int | None],
        ranges: Sequence[Range],
    ) -> None:
        self._flags = flags
        self._letters = letters
        self._topic = topic
        self._start_ms, self._end_ms = times
        self._ranges = {one.partition: one for one in ranges}
        self.unreadable = 0

    def read(self, earliest_ms: int, folder: Path) -> Iterator[Published]:
        """What was published of the range, sorted by the post's place.

        Args:
            earliest_ms: timestamp of the range's earliest record: what was published an hour before that, or
                earlier, is not looked at.
            folder: of its own, for sorting.
        """
        since_ms = earliest_ms - _CLOCKS_MS
        if any(of.expired is not None for of in self._ranges.values()):
            # Flags may be of posts that are gone, and earlier.
            since_ms = min(since_ms, (self._start_ms or 0) - _CLOCKS_MS)
        return sorted_on_disk(self._all(max(0, since_ms)), Published, place_of, folder)

    def _all(self, since_ms: int) -> Iterator[Published]:
        for of, record in _records(self._flags, self._flags.whole(since_ms)):
            if record.value is None:
                continue
            try:
                source = _FLAG.decode(record.value).source
                flag = record.value.decode()
            except (msgspec.MsgspecError, UnicodeDecodeError):
                self.unreadable += 1
                continue
            if self._meant(source):
                yield Published(
                    source.partition,
                    source.offset,
                    record.timestamp,
                    of.partition,
                    record.offset,
                    flag=flag,
                )
        for of, record in _records(self._letters, self._letters.whole(since_ms)):
            headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
            topic, _, place = headers.get(SOURCE, "").partition("/")
            partition, _, offset = place.partition("/")
            if topic != self._topic or not (partition.isdigit() and offset.isdigit()):
                continue
            range_ = self._ranges.get(int(partition))
            if range_ is not None and range_.first <= int(offset) < range_.end:
                stage = headers.get(STAGE, "")
                yield Published(
                    range_.partition, int(offset), record.timestamp, of.partition, record.offset, stage=stage
                )

    def _meant(self, source: Source) -> bool:
        """Whether it is a flag of the range, or of what has gone from it."""
        of = self._ranges.get(source.partition)
        if of is None or source.topic != self._topic:
            return False
        if of.first <= source.offset < of.end:
            return True
        if of.expired is None or not of.expired[0] <= source.offset <= of.expired[1]:
            return False
        # By time alone the range's beginning is not known any more, but a flag knows its post's time.
        return of.certain or (
            (self._start_ms is None or source.timestamp >= self._start_ms)
            and (self._end_ms is None or source.timestamp < self._end_ms)
        )


def _records(topic: KafkaRange, ranges: Sequence[Range]) -> Iterator[tuple[Range, Read]]:
    for of in ranges:
        for stretch in topic.read(of, of.first):
            for record in stretch.records:
                yield of, record
