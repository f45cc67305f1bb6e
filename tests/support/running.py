"""A worker inside the test's own process: the real parts on a thread, ended with the block."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaException
from kafka import KafkaProducer

from tests.support.independent_reader import committed_offsets, end_offsets
from tests.support.waiting import PATIENCE_S
from worker.settings import PREFIX, Settings, load_settings
from worker.stream.process import run_process

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path


class Running:
    """A worker's thread, and how it ended."""

    def __init__(self, settings: Settings, **parts: Any) -> None:
        self.settings = settings
        self.stop = threading.Event()
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(parts,), daemon=True)
        self._thread.start()

    def _run(self, parts: dict[str, Any]) -> None:
        try:
            run_process(self.settings, number=0, stop=self.stop, **parts)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.error = error

    def ended(self, timeout_s: float) -> bool:
        """Whether it ended by itself in time."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def end(self) -> None:
        """Asks it to stop; raises what it failed with."""
        self.stop.set()
        assert self.ended(PATIENCE_S), "the worker did not stop"
        if self.error is not None:
            raise self.error


@contextmanager
def running(settings: Settings, **parts: Any) -> Iterator[Running]:
    """Runs a worker as long as the block lasts."""
    worker = Running(settings, **parts)
    try:
        yield worker
    finally:
        worker.stop.set()
        worker.ended(PATIENCE_S)
    if worker.error is not None:
        raise worker.error


def worker_settings(folder: Path, servers: str, topics: dict[str, str], **more: str) -> Settings:
    """Settings for a test: the constant detector, every decision published, no HTTP."""
    plain = {
        "KAFKA__BOOTSTRAP_SERVERS": servers,
        "KAFKA__GROUP_ID": f"group-{topics['posts']}",
        "KAFKA__TRANSACTIONAL_ID_PREFIX": f"tx-{topics['posts']}",
        "KAFKA__SESSION_TIMEOUT_MS": "6000",
        "KAFKA__REQUEST_TIMEOUT_MS": "5000",
        "TOPICS__POSTS": topics["posts"],
        "TOPICS__FLAGS": topics["flags"],
        "TOPICS__DEAD_LETTERS": topics["dead_letters"],
        "DETECTOR__MODEL": "constant",
        "EMIT": "all",
        "HTTP__PORT": "0",
        "LOG__LEVEL": "error",
        "DATA_DIR": str(folder),
    }
    return load_settings(environ={f"{PREFIX}{name}": value for name, value in (plain | more).items()})


def publish(
    servers: str,
    topic: str,
    values: Iterable[bytes | None],
    *,
    headers: Sequence[tuple[str, bytes]] = (("traceparent", b"00-aa-bb-01"),),
    **client: Any,
) -> None:
    """Puts values on a topic, each under a key of its own."""
    producer = KafkaProducer(bootstrap_servers=servers, linger_ms=5, **client)
    for number, value in enumerate(values):
        producer.send(topic, value=value, key=str(number).encode(), headers=list(headers))
    producer.flush()
    producer.close()


def all_decided(servers: str, settings: Settings) -> bool:
    """Whether the group's committed offsets have reached the end of the posts topic.

    Not for a topic that is written in transactions: their markers stand behind the last record.
    """
    ends = {number: end for number, end in end_offsets(servers, settings.topics.posts).items() if end}
    try:
        return committed_offsets(servers, settings.kafka.group_id, settings.topics.posts) == ends
    except KafkaException:
        return False  # the group's coordinator is not there yet, or a transaction is open
