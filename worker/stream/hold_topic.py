"""The topic that says which actions are held down: compacted, one key for each consumer group and action."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog
from kafka import KafkaConsumer, TopicPartition

from worker.errors import BrokerError
from worker.records import Hold
from worker.stream.client import client_options
from worker.stream.sender import Sender

if TYPE_CHECKING:
    from worker.records import Holdable
    from worker.settings import Settings

log = structlog.get_logger(__name__)

_POLL_MS: Final = 500
_QUIET_POLLS: Final = 60


class HoldTopic:
    """Reads the holds of a group, in no group itself. One thread calls it.

    Args:
        settings: all settings.

    Attributes:
        latest: the latest record of each action, as far as the topic was read.

    Raises:
        KafkaError: no broker answers, or it refuses.
        BrokerError: there is no such topic, or it may not be seen.
    """

    def __init__(self, settings: Settings) -> None:
        self.latest: dict[Holdable, Hold] = {}
        self._group = settings.kafka.group_id
        self._topic = settings.topics.holds
        self._consumer: Any = KafkaConsumer(
            **client_options(settings.kafka),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            # A topic that is made in passing would not be compacted, and would forget a hold.
            allow_auto_create_topics=False,
            request_timeout_ms=settings.kafka.request_timeout_ms,
            bootstrap_timeout_ms=settings.kafka.request_timeout_ms,
            metrics_enabled=False,
        )
        numbers = self._consumer.partitions_for_topic(self._topic)
        if not numbers:
            self.close()
            raise BrokerError(
                f"the topic {self._topic!r} (topics.holds) does not exist, or this user may not see it"
            )
        self._places = [TopicPartition(self._topic, number) for number in sorted(numbers)]
        self._consumer.assign(self._places)
        self._consumer.seek_to_beginning(*self._places)

    def catch_up(self) -> None:
        """Reads on to the end that the topic has now.

        Raises:
            KafkaError: it can't be read.
            BrokerError: the end does not come within reach.
        """
        ends = self._consumer.end_offsets(self._places)
        quiet = 0
        while any(self._consumer.position(place) < end for place, end in ends.items()):
            quiet = 0 if self.poll(_POLL_MS) else quiet + 1
            if quiet > _QUIET_POLLS:
                raise BrokerError(f"the topic {self._topic!r} can't be read to its end")

    def poll(self, timeout_ms: int) -> list[Hold]:
        """What has come of this group's holds since, in order; waits that long for it.

        Raises:
            KafkaError: the topic can't be read.
        """
        holds: list[Hold] = []
        for records in self._consumer.poll(timeout_ms=timeout_ms).values():
            for record in records:
                hold = _hold(record)
                if hold is not None and hold.group == self._group:
                    self.latest[hold.action] = hold
                    holds.append(hold)
        return holds

    def close(self) -> None:
        """Disconnects."""
        self._consumer.close()


def write_hold(settings: Settings, hold: Hold) -> None:
    """Puts a record on the topic; returns once the brokers have it. The topic must exist.

    Raises:
        BrokerError: they don't take it, or don't answer.
    """
    with Sender(settings.kafka, settings.topics.holds) as sender:
        if (
            why := sender.send(msgspec.json.encode(hold), f"{hold.group}/{hold.action}".encode())
        ) is not None:
            raise BrokerError(f"topic {settings.topics.holds}: {why}")
        sender.finish()


def _hold(record: Any) -> Hold | None:
    """What a record says; None, with a line in the log, where it says nothing that is known here."""
    try:
        return msgspec.json.decode(record.value or b"", type=Hold)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        log.warning("hold_unreadable", partition=record.partition, offset=record.offset, error=str(error))
        return None
