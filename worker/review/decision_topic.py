"""Puts entries on the decisions topic, each exactly once.

An entry is sent in a transaction of its own. Where its outcome is unknown, the producer is thrown away and
the next one takes over the same transactional id: Kafka completes or aborts what was open and refuses what is
still on its way. Only then is the topic read to its end, and the entry sent again if its name is not there.
The same look is taken before the first entry of a process, so a form that is sent again after a kill finds
what the killed process had committed.
"""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TYPE_CHECKING, Any, Final

import structlog
from kafka import KafkaProducer
from kafka.errors import KafkaError

from worker.errors import BrokerError
from worker.review.entry import to_record
from worker.stream.client import producer_options
from worker.stream.delivery import raise_failure
from worker.stream.refusal import in_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.review.entry import Entry
    from worker.settings import Settings

log = structlog.get_logger(__name__)

_TRIES: Final = 3
# So many latest entries are known without a look at the topic: a form that is sent twice at once.
_REMEMBERED: Final = 10_000


class DecisionTopic:
    """Writes entries. Any thread calls it; one entry is written at a time.

    Args:
        settings: all settings.
        written: whether the entry of a name is on the topic, asked after reading the topic to its end.
            Raises `BrokerError` where it can't be read.
    """

    def __init__(self, settings: Settings, written: Callable[[str], bool]) -> None:
        self._options = producer_options(
            settings.kafka, f"{settings.kafka.transactional_id_prefix}-review-{socket.gethostname()}"
        )
        self._topic = settings.topics.decisions
        self._patience_s = settings.kafka.request_timeout_ms * 3 / 1000
        self._written = written
        self._turn = threading.Lock()
        self._producer: Any = None
        self._latest: dict[str, None] = {}
        self._executor = _executor()

    def write(self, entry: Entry) -> tuple[int, int] | None:
        """Writes an entry unless one of its name is there; returns once it is committed.

        Returns:
            Its partition and offset; None where it was there already.

        Raises:
            BrokerError: it can't be said to be there; nothing of it is, or it will be found there by the next
                call with the same entry.
        """
        with self._turn:
            if entry.name in self._latest:
                return None
            why = "no outcome"
            for _ in range(_TRIES):
                try:
                    if self._producer is None:
                        self._producer = self._in_time(self._begun)
                        if self._written(entry.name):
                            return None
                    partition, offset = self._in_time(lambda: _commit(self._producer, self._topic, entry))
                except (KafkaError, FutureTimeoutError) as error:
                    why = in_words(error)
                    log.warning("review_decision_outcome_unknown", error=why)
                    self._abandon()
                else:
                    self._latest[entry.name] = None
                    if len(self._latest) > _REMEMBERED:
                        del self._latest[next(iter(self._latest))]
                    return partition, offset
            raise BrokerError(f"topic {self._topic}: the decision could not be written: {why}")

    def close(self) -> None:
        """Ends the producer."""
        with self._turn:
            self._abandon()
            self._executor.shutdown(wait=False)

    def _begun(self) -> Any:
        producer = KafkaProducer(**self._options)
        try:
            producer.init_transactions()
        except BaseException:
            _close(producer)
            raise
        return producer

    def _in_time(self, work: Callable[[], Any]) -> Any:
        """kafka-python would wait for the answer to a commit without end."""
        return self._executor.submit(work).result(self._patience_s)

    def _abandon(self) -> None:
        if self._producer is not None:
            _close(self._producer)
            self._producer = None
        # Its thread may be parked in a commit; the next producer gets another.
        self._executor.shutdown(wait=False)
        self._executor = _executor()


def _executor() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="decisions")


def _commit(producer: Any, topic: str, entry: Entry) -> tuple[int, int]:
    key, value, headers = to_record(entry)
    producer.begin_transaction()
    sent = producer.send(topic, value=value, key=key, headers=headers)
    producer.flush()
    raise_failure([sent])
    producer.commit_transaction()
    metadata = sent.value
    return metadata.partition, metadata.offset


def _close(producer: Any) -> None:
    try:
        producer.close(timeout=0)
    except KafkaError:
        # `close` gives up where records are still on their way, and would leave its thread running.
        producer._sender.force_close()  # noqa: SLF001 - see above
