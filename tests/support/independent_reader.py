"""Reads what the worker published with another client library, and only what is committed."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from tests.support.waiting import PATIENCE_S

if TYPE_CHECKING:
    from confluent_kafka import Message

_POLL_S = 0.5


class LeftOpenError(AssertionError):
    """A topic can't be read to its end: a transaction was left open in it."""


def committed_records(servers: str, topic: str, *, patience_s: float = PATIENCE_S) -> list[Message]:
    """Every committed record of a topic, read with `read_committed` to the end that it has now.

    Raises:
        LeftOpenError: the last stable offset stays behind the end of a partition.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": f"reader-{uuid.uuid4().hex}",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": False,
        }
    )
    try:
        numbers = consumer.list_topics(topic, timeout=patience_s).topics[topic].partitions
        ends = _ends(servers, topic, list(numbers), patience_s)
        consumer.assign([TopicPartition(topic, number, 0) for number in numbers])
        records: list[Message] = []
        deadline = time.monotonic() + patience_s
        while _behind(consumer, ends):
            got = consumer.consume(10_000, timeout=_POLL_S)
            if got:
                deadline = time.monotonic() + patience_s
            elif time.monotonic() > deadline:
                raise LeftOpenError(f"{topic}: stuck at {_positions(consumer)} of {ends}")
            for message in got:
                if message.error() is not None:
                    raise AssertionError(str(message.error()))
                records.append(message)
        return records
    finally:
        consumer.close()


def committed_offsets(servers: str, group: str, topic: str) -> dict[int, int]:
    """The group's committed offsets by partition, read once no transaction over them is open.

    Through a consumer that never joins: librdkafka's administrator crashes on an unstable offset.
    """
    consumer = Consumer(
        {"bootstrap.servers": servers, "group.id": group, "isolation.level": "read_committed"}
    )
    try:
        numbers = consumer.list_topics(topic, timeout=PATIENCE_S).topics[topic].partitions
        places = consumer.committed([TopicPartition(topic, number) for number in numbers], timeout=PATIENCE_S)
    finally:
        consumer.close()
    return {place.partition: place.offset for place in places if place.offset >= 0}


def end_offsets(servers: str, topic: str) -> dict[int, int]:
    """The end of each partition, transactions that are still open included."""
    admin = AdminClient({"bootstrap.servers": servers})
    numbers = admin.list_topics(topic, timeout=PATIENCE_S).topics[topic].partitions
    return _ends(servers, topic, list(numbers), PATIENCE_S)


def _ends(servers: str, topic: str, numbers: list[int], timeout_s: float) -> dict[int, int]:
    wanted = {TopicPartition(topic, number): OffsetSpec.latest() for number in numbers}
    # A client that was just made may not know the leaders yet, and then does not wait for them.
    for attempt in Retrying(
        retry=retry_if_exception(_knows_no_leaders),
        wait=wait_fixed(0.2),
        stop=stop_after_delay(timeout_s),
        reraise=True,
    ):
        with attempt:
            admin = AdminClient({"bootstrap.servers": servers})
            futures = admin.list_offsets(wanted, isolation_level=IsolationLevel.READ_UNCOMMITTED)
            return {place.partition: future.result(timeout_s).offset for place, future in futures.items()}
    raise AssertionError  # the last attempt raises


def _knows_no_leaders(error: BaseException) -> bool:
    passing = {KafkaError._NOENT, KafkaError.UNKNOWN_LEADER_EPOCH, KafkaError.FENCED_LEADER_EPOCH}
    return isinstance(error, KafkaException) and error.args[0].code() in passing


def _positions(consumer: Consumer) -> dict[int, int]:
    return {place.partition: place.offset for place in consumer.position(consumer.assignment())}


def _behind(consumer: Consumer, ends: dict[int, int]) -> bool:
    positions = _positions(consumer)
    return any(end > 0 and positions.get(number, -1) < end for number, end in ends.items())
