"""A stretch of a topic between two points in time, read outside any group."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kafka import TopicPartition

from worker.errors import BrokerError
from worker.stream.committed import committed_consumer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.settings import KafkaSettings

Places = dict[TopicPartition, int]

_POLL_MS: Final = 500
_QUIET_POLLS: Final = 60


class Extent(NamedTuple):
    """Offsets by partition: the first, and the one after the last."""

    starts: Places
    ends: Places

    @property
    def length(self) -> int:
        """How many offsets it spans; not each holds a record."""
        return sum(max(0, end - self.starts[place]) for place, end in self.ends.items())


class ExtentReader:
    """Reads what is committed of a topic, and leaves no trace.

    Args:
        settings: how Kafka is reached.
        topic: its name.

    Raises:
        KafkaError: no broker answers.
        BrokerError: there is no such topic.
    """

    def __init__(self, settings: KafkaSettings, topic: str) -> None:
        self._topic = topic
        self._consumer, self._places = committed_consumer(settings, topic)

    def extents(self, times_ms: Sequence[int]) -> list[Extent]:
        """The extents between successive times, and from the last of them to the end that the topic has now.

        A record belongs to the time of its own timestamp, in milliseconds since 1970.
        """
        ends: Places = self._consumer.end_offsets(self._places)
        borders = [self._offsets_at(at, ends) for at in times_ms]
        return [Extent(*pair) for pair in pairwise([*borders, ends])]

    def records(self, extent: Extent) -> Iterator[tuple[list[Any], int]]:
        """The records in the batches that they come in, each with how many offsets are passed after it.

        Raises:
            BrokerError: the end does not come within reach.
        """
        self._consumer.assign(self._places)
        for place, start in extent.starts.items():
            self._consumer.seek(place, start)
        quiet = 0
        # The position moves over markers of transactions too, which are never returned as records.
        while left := sum(max(0, end - self._consumer.position(place)) for place, end in extent.ends.items()):
            polled = self._consumer.poll(timeout_ms=_POLL_MS)
            quiet = 0 if polled else quiet + 1
            if quiet > _QUIET_POLLS:
                raise BrokerError(
                    f"the topic {self._topic!r} can't be read to its end ({left} offsets are left): is a "
                    "transaction open in it?"
                )
            records = [
                one for place, some in polled.items() for one in some if one.offset < extent.ends[place]
            ]
            if records:
                yield records, extent.length - left + len(records)

    def close(self) -> None:
        """Disconnects."""
        self._consumer.close()

    def _offsets_at(self, at_ms: int, ends: Places) -> Places:
        found = self._consumer.offsets_for_times(dict.fromkeys(self._places, max(0, at_ms)))
        return {place: ends[place] if found[place] is None else found[place].offset for place in ends}
