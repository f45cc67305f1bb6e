"""Which partitions this process owns, and since when.

kafka-python calls the rebalance listener from the consumer's own I/O thread, also between two polls. So
ownership is a table behind a lock, and each time a partition is gained, or its work in flight is given up,
its tenure gets a new number. Work carries the number it began under; at the end whatever carries an old one
is dropped. A rebalance only discards: nothing here waits for anything.

A new tenure begins unsettled: nothing may be read under it until the consumer stands at the committed
offset. kafka-python does not see to that: a partition that an eager rebalance takes and gives back keeps its
position, which is ahead of what was dropped.
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
        self._unsettled: set[TopicPartition] = set()
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
                self._unsettled.discard(partition)
            for partition in gained:
                self._owned[partition] = next(self._numbers)
                self._unsettled.add(partition)
            self._changes += 1
            PARTITIONS.set(len(self._owned))
        REBALANCES.labels(kind=kind).inc()

    @property
    def changes(self) -> int:
        """Grows with every rebalance."""
        return self._changes

    def snapshot(self) -> dict[TopicPartition, int]:
        """All partitions owned, with their tenures."""
        with self._lock:
            return dict(self._owned)

    def settled(self) -> dict[TopicPartition, int]:
        """The partitions that may be read, with their tenures."""
        with self._lock:
            return {p: number for p, number in self._owned.items() if p not in self._unsettled}

    def unsettled(self) -> dict[TopicPartition, int]:
        """The partitions whose position is not known to be right, with their tenures."""
        with self._lock:
            return {p: self._owned[p] for p in self._unsettled}

    def settle(self, partition: TopicPartition, number: int) -> None:
        """The consumer stands at the committed offset; without effect where the tenure ended meanwhile."""
        with self._lock:
            if self._owned.get(partition) == number:
                self._unsettled.discard(partition)

    def renew(self) -> None:
        """Gives up all work in flight: every partition begins a new tenure, unsettled."""
        with self._lock:
            for partition in self._owned:
                self._owned[partition] = next(self._numbers)
            self._unsettled = set(self._owned)
