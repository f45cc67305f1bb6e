"""The posts topic as the worker reads it: poll, pause, resume, rewind."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import structlog
from kafka import KafkaConsumer, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.errors import IllegalStateError, KafkaError, KafkaTimeoutError

from worker.errors import BrokerError
from worker.metrics import LAG, PAUSED, POSTS
from worker.stream.client import consumer_options
from worker.stream.item import Item
from worker.stream.tenure import Tenures

if TYPE_CHECKING:
    from kafka.structs import ConsumerGroupMetadata

    from worker.settings import KafkaSettings

log = structlog.get_logger(__name__)

# Longest wait for a committed offset, and the pause before the next try.
_SETTLE_MS: Final = 1_000
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
            BrokerError: the topic does not exist, or may not be seen.
        """
        options = consumer_options(settings)
        if settings.group_instance_id is not None:
            options["group_instance_id"] = f"{settings.group_instance_id}-{process_number}"
        self.tenures = Tenures()
        self._settle_due = 0.0
        self._start_from_latest = settings.auto_offset_reset == "latest"
        # Where each partition was first read from: the place to go back to while nothing is committed.
        self._origins: dict[TopicPartition, int] = {}
        self._member: str | None = None
        # The partitions that the lag metric has a series of.
        self._measured: set[int] = set()
        self._consumer = KafkaConsumer(
            partition_assignment_strategy=[_ASSIGNORS[settings.assignment]], **options
        )
        self._consumer.subscribe([topic], listener=self.tenures)
        # Before joining: a group leader that does not know the topic yet gives nobody any partition, and
        # kafka-python looks again only after `metadata_max_age_ms`.
        if not self._consumer.partitions_for_topic(topic):
            self._consumer.close(autocommit=False)
            raise BrokerError(
                f"the topic {topic!r} (topics.posts) does not exist, or this user may not see it"
            )

    def poll(self, *, max_records: int, timeout_ms: int, settle: bool) -> list[Item]:
        """The next records of all partitions that are not paused, in order within each partition.

        Args:
            max_records: most records to return.
            timeout_ms: longest wait for them.
            settle: whether partitions with a new tenure may be set to their committed offsets now: only while
                no transaction of this worker is under way, which could move them a moment later.

        Raises:
            KafkaError: Kafka can't be read now. Records may have been passed over: call `give_up`.
        """
        polled: dict[TopicPartition, list[Any]] = self._consumer.poll(
            timeout_ms=timeout_ms, max_records=max_records
        )
        self._notice_new_membership()
        settled = self.tenures.settled()
        if settle:
            self._settle()
        items: list[Item] = []
        for partition, records in polled.items():
            tenure = settled.get(partition)
            if tenure is not None:
                self._origins.setdefault(partition, records[0].offset)
                items += [Item(record, partition, tenure) for record in records]
        POSTS.inc(len(items))
        return items

    def give_up(self) -> None:
        """Gives up all work in flight; the next `poll` that may settle reads on from what is committed."""
        self.tenures.renew()

    def _notice_new_membership(self) -> None:
        """Gives up the work of an earlier membership.

        kafka-python does not always report that partitions are lost (a member that is unknown by the time
        its JoinGroup arrives rejoins without the callback), and may even keep them, although another worker
        had them in between.
        """
        place = self.group()
        if place is None or place.member_id == self._member:
            return
        if self._member is not None:
            log.warning("rejoined_as_new_member")
            self.tenures.renew()
        self._member = place.member_id

    def _settle(self) -> None:
        """Sets partitions with a new tenure to their committed offsets."""
        if time.monotonic() < self._settle_due:
            return
        for partition, tenure in self.tenures.unsettled().items():
            try:
                committed = self._consumer.committed(partition, timeout_ms=_SETTLE_MS)
            except KafkaError as error:
                # Usually a transaction of a worker that died is open over it. The other partitions go on.
                log.info("partition_waits", partition=partition.partition, error=repr(error))
                self._settle_due = time.monotonic() + _SETTLE_MS / 1000
                return
            target = committed if committed is not None else self._origins.get(partition)
            try:
                if target is not None:
                    self._consumer.seek(partition, target)
                elif self._start_from_latest:
                    self._consumer.seek_to_end(partition)
                else:
                    self._consumer.seek_to_beginning(partition)
            except (ValueError, IllegalStateError):
                continue  # it is gone again
            self.tenures.settle(partition, tenure)

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
        """Sets the lag metric of every partition owned, from the latest fetches; others have none."""
        assigned = self._consumer.assignment()
        for gone in self._measured - {partition.partition for partition in assigned}:
            # Its new owner tells its lag now: a sum over all workers would count it twice.
            LAG.remove(str(gone))
            self._measured.discard(gone)
        for partition in assigned:
            try:
                end = self._consumer.highwater(partition)
                position = self._consumer.position(partition, timeout_ms=0)
            except (IllegalStateError, KafkaTimeoutError, KafkaError):
                continue
            if end is not None and position is not None:
                LAG.labels(partition=str(partition.partition)).set(max(0, end - position))
                self._measured.add(partition.partition)

    def close(self, timeout_s: float) -> None:
        """Leaves the group (a static member keeps its place) and disconnects."""
        self._consumer.close(autocommit=False, timeout_ms=int(timeout_s * 1000))
