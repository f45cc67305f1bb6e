"""The way out: flags, dead letters and source offsets, together or not at all.

A publisher is one producer on one thread, good for one producer epoch. It commits transaction after
transaction until one fails in any way; then it is thrown away with its producer, and the next publisher
takes over the same transactional id. That bumps the epoch, which completes or aborts what the old one left
open and fences whatever of it is still on its way. Nothing is ever sent again from memory: after a failure
the posts are read again from the committed offsets.
"""

from __future__ import annotations

import threading
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import structlog
from kafka import KafkaProducer
from kafka.errors import (
    AuthorizationError,
    CommitFailedError,
    FencedInstanceIdError,
    InvalidProducerEpochError,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerFencedError,
    RecordListTooLargeError,
    SaslAuthenticationFailedError,
    UnsupportedVersionError,
)
from kafka.structs import OffsetAndMetadata

from worker.metrics import FENCED, STAGE_SECONDS, STALE, TRANSACTIONS, UNKNOWN
from worker.stream.delivery import raise_failure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kafka import TopicPartition
    from kafka.structs import ConsumerGroupMetadata

log = structlog.get_logger(__name__)

_FENCED = (ProducerFencedError, InvalidProducerEpochError)
_REFUSED = (
    AuthorizationError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    SaslAuthenticationFailedError,
    UnsupportedVersionError,
)

Fate = Literal["ready", "committed", "fenced", "displaced", "stale", "unknown", "refused"]


class Outgoing(NamedTuple):
    """One record to be published."""

    topic: str
    value: bytes | None
    key: bytes | None
    headers: list[tuple[str, bytes]]


class Transaction(NamedTuple):
    """What becomes visible together. `offsets` are the next ones to be read."""

    records: Sequence[Outgoing]
    offsets: Mapping[TopicPartition, int]
    place: ConsumerGroupMetadata


class Report(NamedTuple):
    """What became of the outbox's latest work.

    `ready`: a producer stands by. `committed`: done. Otherwise nothing may be taken as done: `fenced`
    (another worker has the transactional id), `displaced` (another has the static membership), `stale` (the
    group has moved on), `unknown` (no telling),
    `refused` (the broker won't take it, `error` says why).
    """

    fate: Fate
    error: Exception | None = None


class _Publisher(threading.Thread):
    """One producer epoch on one thread."""

    def __init__(self, options: Mapping[str, Any], delay_s: float) -> None:
        super().__init__(name="publisher", daemon=True)
        self._options = dict(options)
        self._delay_s = delay_s
        self._inbox: SimpleQueue[Transaction | None] = SimpleQueue()
        self.reports: SimpleQueue[Report] = SimpleQueue()
        self._abandoned = threading.Event()
        self._producer: Any = None

    def submit(self, transaction: Transaction) -> None:
        self._inbox.put(transaction)

    def abandon(self) -> None:
        """Lets the thread end by itself, whenever that is; its reports are read no more.

        kafka-python waits for the answer to a commit without end, so a thread may stay parked in it; closing
        its producer frees everything else.
        """
        self._abandoned.set()
        self._inbox.put(None)
        if self._producer is not None:
            _close(self._producer)

    def run(self) -> None:
        try:
            if self._abandoned.wait(self._delay_s):
                return
            self._producer = producer = KafkaProducer(**self._options)
            producer.init_transactions()
            self.reports.put(Report("ready"))
            while (transaction := self._inbox.get()) is not None:
                begun = time.perf_counter()
                _publish(producer, transaction)
                STAGE_SECONDS.labels(stage="commit").observe(time.perf_counter() - begun)
                self.reports.put(Report("committed"))
        except Exception as error:  # noqa: BLE001 - whatever it was, this epoch has ended and the runner is told
            self.reports.put(Report(_fate_of(error), error))
        finally:
            if self._producer is not None:
                _close(self._producer)


def _publish(producer: Any, transaction: Transaction) -> None:
    producer.begin_transaction()
    sent = []
    for record in transaction.records:
        future = producer.send(record.topic, value=record.value, key=record.key, headers=record.headers)
        # A topic that may not be seen is asked for again with each record: one refusal is enough.
        raise_failure([future])
        sent.append(future)
    offsets = {
        partition: OffsetAndMetadata(offset, "", -1) for partition, offset in transaction.offsets.items()
    }
    producer.send_offsets_to_transaction(offsets, transaction.place)
    producer.flush()
    raise_failure(sent)
    producer.commit_transaction()


def _fate_of(error: Exception) -> Fate:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, _FENCED):
            return "fenced"
        if isinstance(cause, FencedInstanceIdError):
            return "displaced"
        if isinstance(cause, CommitFailedError):
            return "stale"
        if isinstance(cause, _REFUSED):
            return "refused"
        wrapped = next((part for part in cause.args if isinstance(part, BaseException)), None)
        cause = cause.__cause__ or wrapped
    return "unknown" if isinstance(error, KafkaError) else "refused"


def _close(producer: Any) -> None:
    try:
        producer.close(timeout=0)
    except KafkaError:
        # `close` gives up where records are still on their way, and would leave its thread running.
        producer._sender.force_close()  # noqa: SLF001 - see above


class Outbox:
    """Publishes transactions one after another, off the caller's thread. One thread calls it."""

    def __init__(self, options: Mapping[str, Any], *, patience_s: float) -> None:
        """Starts the first producer.

        Args:
            options: what the producers are made with; see `client.producer_options`.
            patience_s: after which an unanswered transaction counts as unknown. kafka-python itself would
                wait for a broker without end.
        """
        self._options = options
        self._patience_s = patience_s
        self._busy_since: float | None = None
        self._publisher = self._started(delay_s=0.0)

    def _started(self, delay_s: float) -> _Publisher:
        self._ready = False
        publisher = _Publisher(self._options, delay_s)
        publisher.start()
        return publisher

    @property
    def idle(self) -> bool:
        """Whether a transaction may be submitted now."""
        return self._ready and self._busy_since is None

    @property
    def ready(self) -> bool:
        """Whether a producer stands by."""
        return self._ready

    def submit(self, transaction: Transaction) -> None:
        """Begins, fills and commits a transaction. Only while `idle`."""
        self._busy_since = time.monotonic()
        self._publisher.submit(transaction)

    def poll(self) -> Report | None:
        """The next report, or None for now. Never blocks."""
        try:
            report = self._publisher.reports.get_nowait()
        except Empty:
            if self._busy_since is None or time.monotonic() - self._busy_since < self._patience_s:
                return None
            report = Report("unknown", TimeoutError(f"no outcome after {self._patience_s:.0f} s"))
        self._busy_since = None
        if report.fate == "ready":
            self._ready = True
        elif report.fate == "committed":
            TRANSACTIONS.inc()
        else:
            counter = {"fenced": FENCED, "displaced": FENCED, "stale": STALE, "unknown": UNKNOWN}.get(
                report.fate
            )
            if counter is not None:
                counter.inc()
        return report

    def renew(self, *, delay_s: float = 0.0) -> None:
        """Gives the present producer up and starts another under the same transactional id."""
        self._publisher.abandon()
        self._busy_since = None
        self._publisher = self._started(delay_s)

    def close(self, timeout_s: float) -> None:
        """Ends the producer; what is not committed by then is aborted by the broker."""
        self._publisher.abandon()
        self._publisher.join(timeout_s)
