"""An independent reader that follows a topic, and notes when each committed record could be seen."""

from __future__ import annotations

import json
import threading
import time
import uuid
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from confluent_kafka import Consumer, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Mapping

_POLL_S: Final = 0.1


class Sighting(NamedTuple):
    """A committed flag, and when it was seen, in seconds of `time.monotonic`."""

    at: float
    post_id: str
    partition: int
    offset: int


class Watcher(threading.Thread):
    """Reads all flags with another client library, `read_committed`; a context manager."""

    def __init__(self, servers: str, topic: str, *, partitions: int) -> None:
        super().__init__(name="watcher", daemon=True)
        self._consumer = Consumer(
            {
                "bootstrap.servers": servers,
                "group.id": f"watcher-{uuid.uuid4().hex}",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 20,
            }
        )
        self._consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
        self._stop_asked = threading.Event()
        self._changed = threading.Condition()
        self._sightings: list[Sighting] = []
        self._positions: dict[int, int] = {}
        self._error: str | None = None

    def run(self) -> None:
        while not self._stop_asked.is_set():
            messages = self._consumer.consume(1_000, timeout=_POLL_S)
            places = self._consumer.position(self._consumer.assignment())
            now = time.monotonic()
            with self._changed:
                for message in messages:
                    if message.error() is not None:
                        self._error = str(message.error())
                        continue
                    post_id = json.loads(message.value())["post_id"]
                    self._sightings.append(Sighting(now, post_id, message.partition(), message.offset()))
                self._positions = {place.partition: max(0, place.offset) for place in places}
                self._changed.notify_all()
        self._consumer.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_asked.set()
        self.join()

    def sightings(self, since: int = 0) -> list[Sighting]:
        """What was seen, without the first `since`."""
        with self._changed:
            assert self._error is None, self._error
            return self._sightings[since:]

    def sees(self, ids: set[str], timeout_s: float) -> bool:
        """Waits until it has seen flags of all these posts; False: it has not."""
        with self._changed:
            return self._changed.wait_for(
                lambda: ids <= {one.post_id for one in self._sightings[-2 * len(ids) :]}, timeout_s
            )

    def reaches(self, ends: Mapping[int, int], timeout_s: float) -> bool:
        """Waits until it has read up to these ends; False: a transaction left open keeps it from it."""
        with self._changed:
            return self._changed.wait_for(
                lambda: all(self._positions.get(number, 0) >= end for number, end in ends.items()),
                timeout_s,
            )
