"""Where a group and its topics stand, asked often and over connections that stay open."""

from __future__ import annotations

import kafka
from confluent_kafka import Consumer, TopicPartition
from kafka import KafkaAdminClient

from tests.support.independent_reader import end_offsets
from tests.support.waiting import PATIENCE_S


class Places:
    """Through another client library than the worker's, but for what that one has no call for."""

    def __init__(self, servers: str, group: str) -> None:
        self._servers = servers
        # It never joins the group: it only asks for committed offsets, which are told once they are stable.
        self._consumer = Consumer(
            {"bootstrap.servers": servers, "group.id": group, "isolation.level": "read_committed"}
        )
        self._describer = KafkaAdminClient(bootstrap_servers=servers)

    def close(self) -> None:
        self._consumer.close()
        self._describer.close()

    def committed(self, topic: str) -> dict[int, int]:
        """The group's committed offsets by partition, read once no transaction over them is open."""
        places = self._consumer.committed(self._partitions(topic), timeout=PATIENCE_S)
        return {place.partition: place.offset for place in places if place.offset >= 0}

    def ends(self, topic: str) -> dict[int, int]:
        """The end of each partition, transactions that are still open included."""
        # A client that is kept may know the leaders of an earlier epoch for ever.
        return end_offsets(self._servers, topic)

    def open(self, topic: str) -> list[int]:
        """Partitions in which a transaction is open now, also one that no coordinator knows of any more."""
        wanted = [kafka.TopicPartition(topic, place.partition) for place in self._partitions(topic)]
        states = self._describer.describe_producers(wanted)
        return sorted(
            place.partition
            for place, state in states.items()
            if any(one.current_transaction_start_offset >= 0 for one in state.active_producers)
        )

    def _partitions(self, topic: str) -> list[TopicPartition]:
        numbers = self._consumer.list_topics(topic, timeout=PATIENCE_S).topics[topic].partitions
        return [TopicPartition(topic, number) for number in numbers]
