"""A range of a topic: which offsets it is, and its records. No group is joined, no offset committed."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from kafka import TopicPartition
from kafka.errors import OffsetOutOfRangeError

from worker.errors import BrokerError, SettingsError
from worker.replay.plan import Range
from worker.replay.reading import Read, Stretch
from worker.stream.committed import committed_consumer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.replay.plan import Span
    from worker.settings import KafkaSettings

_POLL_MS: Final = 500
_QUIET_POLLS: Final = 60
_OPTIONS: Final = {
    "max_partition_fetch_bytes": 4 * 2**20,
    "max_poll_records": 2_000,
    # An offset that is gone is counted; going on at another one would hide it.
    "auto_offset_reset": "none",
}


class KafkaRange:
    """Reads what is committed of a topic.

    Args:
        settings: how Kafka is reached.
        topic: its name.

    Raises:
        KafkaError: no broker answers.
        BrokerError: there is no such topic.
    """

    def __init__(self, settings: KafkaSettings, topic: str) -> None:
        self._topic = topic
        self._consumer, self._places = committed_consumer(settings, topic, _OPTIONS)

    def whole(self, start_ms: int) -> list[Range]:
        """All partitions from a time on to the end that they have now."""
        return self.by_time(start_ms, None, window_s=0)

    def by_time(self, start_ms: int, end_ms: int | None, *, window_s: int) -> list[Range]:
        """The offsets between two times, as Kafka finds them.

        A partition's range begins with its first record whose timestamp is `start_ms` or later, and ends
        before its first record of `end_ms` or later: it holds all between, whatever their timestamps.

        Args:
            start_ms: the first moment, in milliseconds since 1970.
            end_ms: the moment after the last; None: the end that the topic has now.
            window_s: how far before it signals look back; 0: not at all.
        """
        begins, ends = self._begins(), self._ends()
        starts = self._at(start_ms, ends)
        warms = self._at(start_ms - window_s * 1000, ends) if window_s else starts
        stops = self._at(end_ms, ends) if end_ms is not None else ends
        ranges = []
        for place in self._places:
            begin, first = begins[place], starts[place]
            may_have_begun_before = 0 < begin == first
            ranges.append(
                Range(
                    partition=place.partition,
                    warm=min(warms[place], first),
                    first=first,
                    end=max(first, stops[place]),
                    log_start=begin,
                    expired=(0, begin - 1) if may_have_begun_before else None,
                    certain=not may_have_begun_before,
                )
            )
        return ranges

    def by_offsets(self, spans: Sequence[Span], *, window_s: int) -> list[Range]:
        """The offsets that were named.

        Args:
            spans: one for each partition that is meant.
            window_s: as in `by_time`, counted from the earliest first record.

        Raises:
            SettingsError: a partition does not exist, or has not so many offsets.
        """
        begins, ends = self._begins(), self._ends()
        known = {place.partition: place for place in self._places}
        ranges: list[Range] = []
        for span in sorted(spans, key=lambda span: span.partition):
            place = known.get(span.partition)
            if place is None:
                raise SettingsError(f"replay: --offsets: {self._topic} has no partition {span.partition}")
            if span.last >= ends[place]:
                raise SettingsError(
                    f"replay: --offsets: partition {span.partition} of {self._topic} ends with offset "
                    f"{ends[place] - 1}"
                )
            begin = begins[place]
            first = min(max(span.first, begin), span.last + 1)
            ranges.append(
                Range(
                    partition=span.partition,
                    warm=first,
                    first=first,
                    end=span.last + 1,
                    log_start=begin,
                    expired=(span.first, min(begin - 1, span.last)) if span.first < begin else None,
                )
            )
        if not window_s:
            return ranges
        times = [at for one in ranges if (at := self._first_timestamp(one)) is not None]
        if not times:
            return ranges
        warms = self._at(min(times) - window_s * 1000, ends)
        # Partitions that were not asked for hold what the signals remember, too.
        by_number = {one.partition: one for one in ranges}
        stops = self._at(min(times), ends)
        return [
            Range(
                partition=one.partition,
                warm=min(warms[place], one.first),
                first=one.first,
                end=one.end,
                log_start=one.log_start,
                expired=one.expired,
            )
            if (one := by_number.get(place.partition)) is not None
            else Range(
                partition=place.partition,
                warm=min(warms[place], stops[place]),
                first=stops[place],
                end=stops[place],
                log_start=begins[place],
            )
            for place in self._places
        ]

    def read(self, of: Range, start: int) -> Iterator[Stretch]:
        """The records of a range from an offset on.

        Raises:
            BrokerError: the end does not come within reach.
            KafkaError: Kafka can't be read.
        """
        place = TopicPartition(self._topic, of.partition)
        consumer = self._consumer
        consumer.assign([place])
        consumer.seek(place, start)
        quiet, position = 0, start
        while position < of.end:
            try:
                polled = consumer.poll(timeout_ms=_POLL_MS)
            except OffsetOutOfRangeError:
                begin = max(position, self._begins()[place])
                position = min(begin, of.end)
                consumer.seek(place, position)
                yield Stretch([], position, expired=True)
                continue
            # The position moves over markers of transactions too, which are never returned as records.
            now = min(consumer.position(place), of.end)
            quiet = 0 if now > position else quiet + 1
            if quiet > _QUIET_POLLS:
                raise BrokerError(
                    f"partition {of.partition} of {self._topic!r} can't be read beyond offset {position}: is "
                    "a transaction open in it?"
                )
            if now > position:
                position = now
                records = [
                    Read(one.offset, one.timestamp, one.key, one.value, one.headers)
                    for one in chain.from_iterable(polled.values())
                    if one.offset < of.end
                ]
                yield Stretch(records, position)

    def close(self) -> None:
        """Disconnects."""
        self._consumer.close()

    def _begins(self) -> dict[TopicPartition, int]:
        found: dict[TopicPartition, int] = self._consumer.beginning_offsets(self._places)
        return found

    def _ends(self) -> dict[TopicPartition, int]:
        found: dict[TopicPartition, int] = self._consumer.end_offsets(self._places)
        return found

    def _at(self, at_ms: int, ends: dict[TopicPartition, int]) -> dict[TopicPartition, int]:
        found = self._consumer.offsets_for_times(dict.fromkeys(self._places, max(0, at_ms)))
        return {place: ends[place] if found[place] is None else found[place].offset for place in ends}

    def _first_timestamp(self, of: Range) -> int | None:
        for stretch in self.read(of, of.first):
            if stretch.records:
                return stretch.records[0].timestamp
        return None
