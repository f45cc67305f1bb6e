"""The posts topic as the worker reads it: poll, pause, resume, rewind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from kafka import KafkaConsumer, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.errors import IllegalStateError, KafkaError, KafkaTimeoutError

from worker.metrics import LAG, PAUSED, POSTS
from worker.stream.client import consumer_options
from worker.stream.item import Item
from worker.stream.tenure import Tenures

if TYPE_CHECKING:
    from kafka.structs import ConsumerGroupMetadata

    from worker.settings import KafkaSettings

log = structlog.get_logger(__name__)

_ASSIGNORS = {
    "cooperative-sticky": CooperativeStickyAssignor,
    "range": RangePartitionAssignor,
    "roundrobin": RoundRobinPartitionAssignor,
}


class Source:
    """Reads the posts topic in a consumer group. One thread calls it."""

    def __init__(self, settings: KafkaSettings, topic: str, *, process_number: int) -> None:
        """Connects and subscribes.

        Raises:
            KafkaError: no broker answers, or it refuses the connection.
        """
        options = consumer_options(settings)
        if settings.group_instance_id is not None:
            options["group_instance_id"] = f"{settings.group_instance_id}-{process_number}"
        self.tenures = Tenures()
        self._timeout_ms = settings.request_timeout_ms
        self._start_from_latest = settings.auto_offset_reset == "latest"
        # Where each partition was first read from: the place to go back to while nothing is committed.
        self._origins: dict[TopicPartition, int] = {}
        self._member: str | None = None
        self._consumer = KafkaConsumer(
            partition_assignment_strategy=[_ASSIGNORS[settings.assignment]], **options
        )
        self._consumer.subscribe([topic], listener=self.tenures)

    def poll(self, *, max_records: int, timeout_ms: int) -> list[Item]:
        """The next records of all partitions that are not paused, in order within each partition.

        A partition that changed hands during the call is read again from its committed offset: there is no
        telling from which side of the change its records are.
        """
        before = self.tenures.snapshot()
        polled: dict[TopicPartition, list[Any]] = self._consumer.poll(
            timeout_ms=timeout_ms, max_records=max_records
        )
        if self._came_back_as_another():
            return []
        if not polled:
            return []
        after = self.tenures.snapshot()
        items: list[Item] = []
        unsure: list[TopicPartition] = []
        for partition, records in polled.items():
            tenure = after.get(partition)
            if tenure is None:
                continue
            self._origins.setdefault(partition, records[0].offset)
            if before.get(partition) != tenure:
                unsure.append(partition)
                continue
            items += [Item(record, partition, tenure) for record in records]
        POSTS.inc(len(items))
        if unsure:
            self.rewind(unsure)
        return items

    def _came_back_as_another(self) -> bool:
        """Whether the group gave this worker up and took it in again under another member id.

        kafka-python does not always report the loss of its partitions then (a member that is unknown by
        the time its JoinGroup arrives rejoins without the callback), and may even keep them, although
        another worker had them in between. So a new id gives up all work of the old one.
        """
        place = self.group()
        if place is None or place.member_id == self._member:
            return False
        returned = self._member is not None
        if returned:
            log.warning("rejoined_as_new_member")
            self.rewind()
        self._member = place.member_id
        return returned

    def pause(self, *, paused: bool) -> None:
        """Holds all partitions back, those gained meanwhile too, or lets them go on."""
        assigned, held = self._consumer.assignment(), self._consumer.paused()
        PAUSED.set(paused)
        try:
            if paused and assigned - held:
                self._consumer.pause(*(assigned - held))
            elif not paused and held:
                self._consumer.resume(*held)
        except IllegalStateError:
            log.debug("partition_moved_while_pausing")

    def rewind(self, partitions: list[TopicPartition] | None = None) -> None:
        """Gives up the work in flight and reads on from the committed offsets (None: of all partitions).

        Raises:
            KafkaError: the committed offsets can't be read now; call again.
        """
        for partition in self.tenures.renew(partitions):
            committed = self._consumer.committed(partition, timeout_ms=self._timeout_ms)
            target = committed if committed is not None else self._origins.get(partition)
            try:
                if target is not None:
                    self._consumer.seek(partition, target)
                elif self._start_from_latest:
                    self._consumer.seek_to_end(partition)
                else:
                    self._consumer.seek_to_beginning(partition)
            except (ValueError, IllegalStateError):
                log.debug("partition_moved_while_rewinding", partition=partition.partition)

    def group(self) -> ConsumerGroupMetadata | None:
        """This member's place in the group, or None while it has none.

        Kafka takes offsets without a generation from anyone, so a worker that the group gave up must not
        send any: the place is only told while it carries a generation.
        """
        place = self._consumer.group_metadata()
        return place if place.generation_id >= 0 and place.member_id else None

    def place_for_commit(self) -> ConsumerGroupMetadata | None:
        """As `group`, but None too while the work in flight may belong to an earlier membership."""
        place = self.group()
        return place if place is not None and place.member_id == self._member else None

    def measure_lag(self) -> None:
        """Sets the lag metric of every partition owned, from the latest fetches."""
        for partition in self._consumer.assignment():
            try:
                end = self._consumer.highwater(partition)
                position = self._consumer.position(partition, timeout_ms=0)
            except (IllegalStateError, KafkaTimeoutError, KafkaError):
                continue
            if end is not None and position is not None:
                LAG.labels(partition=str(partition.partition)).set(max(0, end - position))

    def close(self, timeout_s: float) -> None:
        """Leaves the group (a static member keeps its place) and disconnects."""
        self._consumer.close(autocommit=False, timeout_ms=int(timeout_s * 1000))
