"""Puts records on a topic outside any transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from worker.errors import BrokerError
from worker.stream.client import client_options
from worker.stream.refusal import in_words

if TYPE_CHECKING:
    from typing import Self

    from worker.settings import KafkaSettings

_LONGEST_S: Final = 120.0
# Fills batches where many records come at once; nobody waits for a single one.
_LINGER_MS: Final = 5


class Sender:
    """An idempotent producer that remembers what was acknowledged; a context manager.

    Args:
        settings: how Kafka is reached.
        topic: where everything goes; it must exist.

    Attributes:
        acknowledged: records that the brokers have so far.

    Raises:
        BrokerError: Kafka or the topic can't be reached.
    """

    def __init__(self, settings: KafkaSettings, topic: str) -> None:
        self.topic = topic
        self.acknowledged = 0
        self._servers = settings.bootstrap_servers
        self._failures: list[BaseException] = []
        options = client_options(settings) | {
            "acks": "all",
            "enable_idempotence": True,
            "request_timeout_ms": settings.request_timeout_ms,
            "max_block_ms": settings.request_timeout_ms,
            "bootstrap_timeout_ms": settings.request_timeout_ms,
            "linger_ms": _LINGER_MS,
            "metrics_enabled": False,
        }
        try:
            self._producer = KafkaProducer(**options)
        except KafkaError as error:
            raise self._broken(error) from error
        try:
            self._producer.partitions_for(topic)
        except KafkaTimeoutError as error:
            self._producer.close(timeout=0)
            raise BrokerError(
                f"topic {topic} at {self._servers} does not exist, or its partitions have no leader; "
                "`flagstaff check` tells more"
            ) from error
        except KafkaError as error:
            self._producer.close(timeout=0)
            raise self._broken(error) from error

    def send(self, value: bytes, key: bytes | None) -> str | None:
        """Hand one record over; what is wrong with it, or None.

        Raises:
            BrokerError: an earlier record was refused, or nothing goes through.
        """
        if self._failures:
            raise self._broken(self._failures[0])
        try:
            future = self._producer.send(self.topic, value=value, key=key)
        except MessageSizeTooLargeError:
            return f"the record has {len(value)} bytes, more than the producer takes"
        except KafkaError as error:
            raise self._broken(error) from error
        future.add_callback(self._acknowledged)
        future.add_errback(self._failures.append)
        return None

    def finish(self, timeout_s: float = _LONGEST_S) -> None:
        """Wait until everything is acknowledged, so long at most.

        Raises:
            BrokerError: something is not.
        """
        try:
            self._producer.flush(timeout=timeout_s)
        except KafkaError as error:
            raise self._broken(error) from error
        if self._failures:
            raise self._broken(self._failures[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # What `finish` did not wait for is given up.
        self._producer.close(timeout=0)

    def _acknowledged(self, _: Any) -> None:
        self.acknowledged += 1

    def _broken(self, error: BaseException) -> BrokerError:
        return BrokerError(
            f"topic {self.topic} at {self._servers}: {in_words(error)}; "
            f"{self.acknowledged} records were acknowledged; `flagstaff check` tells more"
        )
