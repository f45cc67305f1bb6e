"""A consumer of what is committed of a topic, outside any group: it leaves no trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kafka import KafkaConsumer, TopicPartition

from worker.errors import BrokerError
from worker.stream.client import client_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.settings import KafkaSettings

# What is asked for lies there already. A broker that waits for more at a partition's end, half a second by
# default, holds up the connection on which the next partition is asked for.
_WAIT_MS: Final = 10


def committed_consumer(
    settings: KafkaSettings, topic: str, options: Mapping[str, Any] | None = None
) -> tuple[Any, list[TopicPartition]]:
    """A consumer, and the topic's partitions in ascending order.

    Args:
        settings: how Kafka is reached.
        topic: its name.
        options: further ones of the consumer. Those of the settings win where they name `client` ones.

    Raises:
        KafkaError: no broker answers.
        BrokerError: there is no such topic.
    """
    consumer = KafkaConsumer(
        **{"fetch_max_wait_ms": _WAIT_MS} | dict(options or {}) | client_options(settings),
        group_id=None,
        isolation_level="read_committed",
        enable_auto_commit=False,
        request_timeout_ms=settings.request_timeout_ms,
        bootstrap_timeout_ms=settings.request_timeout_ms,
    )
    numbers = consumer.partitions_for_topic(topic)
    if not numbers:
        consumer.close()
        raise BrokerError(
            f"the topic {topic!r} does not exist, or this user may not see it; see `flagstaff check`"
        )
    return consumer, [TopicPartition(topic, number) for number in sorted(numbers)]
