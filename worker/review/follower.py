"""Keeps the view at the end of the topics `flags`, `decisions` and `appeals`."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

import structlog
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from worker.errors import BrokerError, SettingsError
from worker.review.view import ViewEmptiedError
from worker.stream.client import client_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.review.view import Places, View
    from worker.settings import Settings

log = structlog.get_logger(__name__)

_POLL_MS: Final = 200
_POLL_RECORDS: Final = 2_000
_PAUSE_S: Final = 1.0


class Follower:
    """Reads the topics in no group, on a thread of its own, from where the view stands.

    What is read and how far go into the database in one transaction, so whatever happens to this process or
    to the database, the view is what the topics up to its places make of it.

    Args:
        settings: all settings.
        view: where it is written.

    Raises:
        KafkaError: no broker answers.
        BrokerError: a topic does not exist, or may not be seen.
    """

    def __init__(self, settings: Settings, view: View) -> None:
        self._settings = settings
        self._view = view
        self._stop = threading.Event()
        self._moved = threading.Condition()
        self._places: Places = {}
        self._consumer = self._connected()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether the thread turns."""
        return self._thread.is_alive()

    def catch_up(self, progress: Callable[[int, int], None]) -> None:
        """Reads to the ends that the topics have now; before `start`.

        Args:
            progress: told how many offsets of how many are read.

        Raises:
            KafkaError: they can't be read.
        """
        ends = self._consumer.end_offsets(self._consumer.assignment())
        total = sum(max(0, end - self._consumer.position(place)) for place, end in ends.items())
        while left := sum(max(0, end - self._consumer.position(place)) for place, end in ends.items()):
            progress(total - left, total)
            self._turn()
        progress(total, total)

    def start(self) -> None:
        """Follows from now on."""
        self._thread.start()

    def wait_for(self, topic: str, partition: int, offset: int, timeout_s: float) -> bool:
        """Waits until the view stands beyond an offset; False where it does not get there in time."""
        with self._moved:
            return self._moved.wait_for(
                lambda: self._places.get((topic, partition), 0) > offset, timeout=timeout_s
            )

    def reach_end(self, topic: str, timeout_s: float) -> None:
        """Waits until the view holds all that is on a topic now, committed or about to be.

        Raises:
            KafkaError: no broker answers.
            BrokerError: the end does not come within reach in time.
        """
        kafka = self._settings.kafka
        # Not read_committed: what we look for may lie behind another's open transaction.
        consumer: Any = KafkaConsumer(
            **client_options(kafka),
            group_id=None,
            enable_auto_commit=False,
            request_timeout_ms=kafka.request_timeout_ms,
            bootstrap_timeout_ms=kafka.request_timeout_ms,
            metrics_enabled=False,
        )
        try:
            ends = consumer.end_offsets(_partitions(consumer, topic, "decisions"))
        finally:
            consumer.close()
        for place, end in ends.items():
            if end and not self.wait_for(place.topic, place.partition, end - 1, timeout_s):
                raise BrokerError(
                    f"the topic {topic!r} can't be read to its end: is a transaction open in it?"
                )

    def close(self) -> None:
        """Stops following."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._consumer.close()

    def _run(self) -> None:
        # After a turn that failed nothing is known of what was read in it: it is read again.
        lost = False
        while not self._stop.is_set():
            try:
                if lost:
                    self._seek()
                lost = False
                self._turn()
            except SettingsError as error:
                log.error("review_view_given_up", error=str(error))  # noqa: TRY400 - one line says it all
                return
            except ViewEmptiedError:
                log.info(
                    "review_view_emptied", note="by another console; it is read again from the beginning"
                )
                lost = True
            except KafkaError as error:
                log.warning("review_kafka_away", error=str(error) or type(error).__name__)
                lost = True
                self._stop.wait(_PAUSE_S)
            except Exception:
                # Such as a full disk, or a database that is away.
                log.exception("review_view_failed")
                lost = True
                self._stop.wait(_PAUSE_S)

    def _turn(self) -> None:
        polled = self._consumer.poll(timeout_ms=_POLL_MS, max_records=_POLL_RECORDS)
        records: defaultdict[str, list[Any]] = defaultdict(list)
        for place, some in polled.items():
            records[place.topic] += some
        # The position moves over the markers of transactions too, which are never returned.
        places: Places = {}
        for place in self._consumer.assignment():
            position = self._consumer.position(place)
            if self._places.get((place.topic, place.partition)) != position:
                places[place.topic, place.partition] = position
        if not places:
            return
        topics = self._settings.topics
        bad = self._view.store(
            records[topics.flags], records[topics.decisions], places, appeals=records[topics.appeals]
        )
        if bad:
            log.warning("review_records_unreadable", count=bad)
        with self._moved:
            self._places |= places
            self._moved.notify_all()

    def _connected(self) -> Any:
        kafka, topics = self._settings.kafka, self._settings.topics
        consumer: Any = KafkaConsumer(
            **client_options(kafka),
            group_id=None,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            allow_auto_create_topics=False,
            request_timeout_ms=kafka.request_timeout_ms,
            bootstrap_timeout_ms=kafka.request_timeout_ms,
            metrics_enabled=False,
        )
        try:
            consumer.assign(
                _partitions(consumer, topics.flags, "flags")
                + _partitions(consumer, topics.decisions, "decisions")
                + _partitions(consumer, topics.appeals, "appeals")
            )
            self._consumer = consumer
            self._seek()
        except BaseException:
            consumer.close()
            raise
        return consumer

    def _seek(self) -> None:
        stored = self._view.places()
        places = self._consumer.assignment()
        ends = self._consumer.end_offsets(places)
        if any(stored.get((place.topic, place.partition), 0) > end for place, end in ends.items()):
            log.warning("review_view_is_of_other_topics", note="it is read again from the beginning")
            self._view.forget()
            stored = {}
        starts = self._consumer.beginning_offsets(places)
        for place in places:
            offset = max(stored.get((place.topic, place.partition), 0), starts[place])
            self._consumer.seek(place, offset)
        self._places = {
            (place.topic, place.partition): stored.get((place.topic, place.partition), -1) for place in places
        }


def _partitions(consumer: Any, topic: str, setting: str) -> list[TopicPartition]:
    numbers = consumer.partitions_for_topic(topic)
    if not numbers:
        raise BrokerError(
            f"the topic {topic!r} (topics.{setting}) does not exist, or this user may not see it"
        )
    return [TopicPartition(topic, number) for number in sorted(numbers)]
