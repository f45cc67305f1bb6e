"""Posts that come at random at a given rate, and how long each took from topic to topic."""

from __future__ import annotations

import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from confluent_kafka import Consumer, Producer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Source(msgspec.Struct):
    """Of a flag."""

    timestamp: int


class Flag(msgspec.Struct):
    """What is read of a flag."""

    source: Source


class Reader(threading.Thread):
    """Reads flags as soon as they are committed, and notes when each post was on its topic and decided."""

    def __init__(self, servers: str, topic: str) -> None:
        super().__init__(daemon=True)
        self._topic = topic
        self._consumer = Consumer(
            {
                "bootstrap.servers": servers,
                "group.id": uuid.uuid4().hex,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 100,
            }
        )
        self.ended = threading.Event()
        # When a post was appended, and when its flag was read, in seconds since 1970.
        self.seen: list[tuple[float, float]] = []

    def run(self) -> None:
        """Reads until `ended`."""
        self._consumer.subscribe([self._topic])
        decoder = msgspec.json.Decoder(Flag)
        while not self.ended.is_set():
            # One by one: a call for many would wait for more of them.
            message = self._consumer.poll(0.05)
            if message is not None and message.error() is None and (value := message.value()) is not None:
                self.seen.append((decoder.decode(value).source.timestamp / 1000, time.time()))
        self._consumer.close()


def moments(rate: float, count: int, seed: int) -> NDArray[np.float64]:
    """When each of so many posts of a Poisson process comes, in seconds; `rate` a second."""
    return np.cumsum(np.random.default_rng(seed).exponential(1 / rate, count))


def send(servers: str, topic: str, records: Sequence[bytes], due: NDArray[np.float64]) -> tuple[float, float]:
    """Puts records on a topic at their moments; returns when it began and ended.

    Args:
        servers: Kafka's bootstrap servers.
        topic: where they go.
        records: their values.
        due: seconds from the beginning at which each is sent.
    """
    producer: Any = Producer(
        {"bootstrap.servers": servers, "linger.ms": 1, "queue.buffering.max.messages": 10**6}
    )
    began = time.time()
    for number, (moment, record) in enumerate(zip(due.tolist(), records, strict=True)):
        ahead = began + moment - time.time()
        if ahead > 0.0005:
            producer.poll(0)
            time.sleep(ahead)
        producer.produce(topic, value=record, key=b"%d" % number)
        if not number % 1_000:
            producer.poll(0)
    ended = time.time()
    producer.flush()
    return began, ended
