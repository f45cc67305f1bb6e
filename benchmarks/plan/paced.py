"""Posts that come at random at a given rate, and how long each took from topic to topic."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from confluent_kafka import Producer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Reader(threading.Thread):
    """Collects what `benchmarks.contestants.flag_reader` prints."""

    def __init__(self, servers: str, topic: str) -> None:
        super().__init__(daemon=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.contestants.flag_reader", servers, topic],
            stdout=subprocess.PIPE,
            text=True,
        )
        # When a post was appended, and when its flag was read, in seconds since 1970.
        self.seen: list[tuple[float, float]] = []

    def run(self) -> None:
        """Collects until the process ends."""
        assert self._process.stdout is not None  # noqa: S101 - it was opened as a pipe
        for line in self._process.stdout:
            at, seen = line.split()
            self.seen.append((float(at), float(seen)))

    def end(self) -> None:
        """Ends the process, and waits until all that it printed is collected."""
        self._process.kill()
        self.join()
        self._process.wait()


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
