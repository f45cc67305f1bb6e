"""Which partitions this process owns, and since when.

kafka-python calls the rebalance listener from the consumer's own I/O thread, also between two polls. So
ownership is a table behind a lock, and each time a partition is gained, or its work in flight is given up,
its tenure gets a new number. Work carries the number it began under; at the end whatever carries an old one
is dropped. A rebalance only discards: nothing here waits for anything.
"""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING

from kafka import ConsumerRebalanceListener

from worker.metrics import PARTITIONS, REBALANCES

if TYPE_CHECKING:
    from collections.abc import Collection

    from kafka import TopicPartition


class Tenures(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python is untyped
    """The partitions owned, each with the number of its present tenure."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._owned: dict[TopicPartition, int] = {}
        self._changes = 0

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Called by kafka-python once partitions are gained."""
        self._change("assigned", gained=assigned)

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Called by kafka-python before partitions go to another worker."""
        self._change("revoked", gone=revoked)

    def on_partitions_lost(self, lost: Collection[TopicPartition]) -> None:
        """Called by kafka-python when the group gave this worker up; others may own them already."""
        self._change("lost", gone=lost)

    def _change(
        self, kind: str, *, gained: Collection[TopicPartition] = (), gone: Collection[TopicPartition] = ()
    ) -> None:
        with self._lock:
            for partition in gone:
                self._owned.pop(partition, None)
            for partition in gained:
                self._owned[partition] = next(self._numbers)
            self._changes += 1
            PARTITIONS.set(len(self._owned))
        REBALANCES.labels(kind=kind).inc()

    @property
    def changes(self) -> int:
        """Grows with every rebalance."""
        return self._changes

    def number(self, partition: TopicPartition) -> int | None:
        """The present tenure of a partition, or None where it is not owned."""
        with self._lock:
            return self._owned.get(partition)

    def snapshot(self) -> dict[TopicPartition, int]:
        """All partitions owned, with their tenures."""
        with self._lock:
            return dict(self._owned)

    def renew(self, partitions: Collection[TopicPartition] | None = None) -> list[TopicPartition]:
        """Gives up the work in flight of these partitions (None: of all); returns those still owned."""
        with self._lock:
            renewed = [p for p in self._owned if partitions is None or p in partitions]
            for partition in renewed:
                self._owned[partition] = next(self._numbers)
            return renewed
