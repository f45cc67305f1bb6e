"""The stages topic: every step of every release, each under a key of its own, so that compaction keeps all.

It has one partition, since what counts is which step is the latest. Who takes a step fences whoever is about
to take one for the same consumer group: both would have read the same latest step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from kafka import KafkaProducer
from kafka.errors import InvalidProducerEpochError, KafkaError, ProducerFencedError

from worker.errors import BrokerError
from worker.records import StageStep
from worker.stream.client import producer_options
from worker.stream.delivery import raise_failure
from worker.stream.extent import ExtentReader
from worker.stream.refusal import in_words

if TYPE_CHECKING:
    from typing import Self

    from worker.settings import Settings

log = structlog.get_logger(__name__)

_CLOSE_S = 5


class SeveralPartitionsError(BrokerError):
    """The stages topic has more partitions than one."""

    def __init__(self, topic: str) -> None:
        super().__init__(
            f"the topic {topic!r} (topics.stages) has several partitions, so the order of its steps is not "
            "known: make one with a single partition and cleanup.policy=compact"
        )


def step_of(record: Any, group: str) -> StageStep | None:
    """The step of a record; None where it is another group's, or nothing that this version can read."""
    try:
        step = msgspec.json.decode(record.value or b"", type=StageStep)
    except msgspec.MsgspecError as error:
        log.warning("stage_unreadable", offset=record.offset, error=str(error))
        return None
    return step if step.group == group else None


def read_steps(settings: Settings) -> list[StageStep]:
    """Every step of the settings' consumer group, oldest first.

    Raises:
        BrokerError: the topic is not there, has several partitions, or can't be read.
    """
    topic = settings.topics.stages
    try:
        reader = ExtentReader(settings.kafka, topic)
        try:
            (extent,) = reader.extents([0])
            if len(extent.ends) > 1:
                raise SeveralPartitionsError(topic)
            records = [record for some, _ in reader.records(extent) for record in some]
        finally:
            reader.close()
    except KafkaError as error:
        raise _broken(settings, error) from error
    steps = (step_of(record, settings.kafka.group_id) for record in records)
    return [step for step in steps if step is not None]


class StepWriter:
    """Takes steps; a context manager. Read the latest step only once it is entered.

    Args:
        settings: where to, and for which consumer group.

    Raises:
        BrokerError: on entering, that Kafka refuses or does not answer.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        kafka = settings.kafka
        name = f"{kafka.transactional_id_prefix}-stage-{kafka.group_id}"
        self._options = producer_options(kafka, name) | {"bootstrap_timeout_ms": kafka.request_timeout_ms}
        self._producer: Any = None

    def __enter__(self) -> Self:
        try:
            self._producer = KafkaProducer(**self._options)
            self._producer.init_transactions()
        except KafkaError as error:
            self.__exit__()
            raise _broken(self._settings, error) from error
        return self

    def write(self, step: StageStep) -> None:
        """Publishes a step; returns once it is committed.

        Raises:
            BrokerError: it was not, or another step was taken in between.
        """
        key = f"{step.group}/{step.number}".encode()
        try:
            self._producer.begin_transaction()
            sent = self._producer.send(
                self._settings.topics.stages, value=msgspec.json.encode(step), key=key, partition=0
            )
            self._producer.flush()
            raise_failure([sent])
            self._producer.commit_transaction()
        except (ProducerFencedError, InvalidProducerEpochError) as error:
            raise BrokerError(
                "stage: somebody else took a step at this moment; see `flagstaff stage show`"
            ) from error
        except KafkaError as error:
            raise _broken(self._settings, error) from error

    def __exit__(self, *_: object) -> None:
        if self._producer is not None:
            self._producer.close(timeout=_CLOSE_S)


def _broken(settings: Settings, error: Exception) -> BrokerError:
    where = f"topic {settings.topics.stages} (topics.stages) at {settings.kafka.bootstrap_servers}"
    return BrokerError(f"{where}: {in_words(error)}; `flagstaff check` tells more")
