"""The worker's main loop: polls, hands batches to the pipeline, and gives the outbox its next transaction.

Everything that may wait for Kafka without end is on another thread, so the loop keeps turning: it is what
`/live` watches, and it keeps this worker in its group while the model or a broker is slow.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Final

import structlog
from kafka.errors import (
    AuthorizationError,
    FencedInstanceIdError,
    KafkaError,
    SaslAuthenticationFailedError,
)

from worker.errors import BrokerError, FencedError
from worker.metrics import COMMITTED, DEAD_LETTERS, DECISIONS, DISCARDED
from worker.stream.budget import Budget
from worker.stream.outbox import Transaction
from worker.stream.recovery import displaced
from worker.stream.refusal import in_words

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from kafka import TopicPartition

    from worker.health import Health
    from worker.settings import Settings
    from worker.stream.breaker import DeadLetterBreaker
    from worker.stream.item import Item
    from worker.stream.outbox import Outbox, Report
    from worker.stream.pipeline import Pipeline
    from worker.stream.recovery import Recovery
    from worker.stream.source import Source

log = structlog.get_logger(__name__)

_IDLE_POLL_MS: Final = 100
_BUSY_POLL_MS: Final = 5
_LOOK_EVERY_S: Final = 1.0


class Runner:
    """Runs one worker process until it is told to stop. One thread calls it."""

    def __init__(  # noqa: PLR0913 - the shell's one place where all parts meet
        self,
        settings: Settings,
        *,
        source: Source,
        pipeline: Pipeline,
        outbox: Outbox,
        recovery: Recovery,
        breaker: DeadLetterBreaker,
        health: Health,
        stop: threading.Event,
    ) -> None:
        self._settings = settings
        self._source = source
        self._pipeline = pipeline
        self._outbox = outbox
        self._recovery = recovery
        self._breaker = breaker
        self._health = health
        self._stop = stop
        self._budget = Budget(settings.stream)
        # Decided, in order, waiting for a transaction; and what the present transaction holds.
        self._decided: list[Item] = []
        self._decided_since = 0.0
        self._committing: list[Item] = []
        self._look_due = 0.0

    def run(self) -> None:
        """Turns until `stop` is set and the work in flight is committed, or the grace period is over.

        Raises:
            FencedError: another worker keeps taking over.
            BrokerError: Kafka refuses what this worker needs.
            BreakerTrippedError: too many posts went wrong.
        """
        while not self._stop.is_set():
            self._turn(hungry=True)
        deadline = time.monotonic() + self._settings.grace_period_s
        log.info("draining", in_flight=self._budget.posts)
        while self._budget.posts and time.monotonic() < deadline:
            self._turn(hungry=False)
        log.info("drained", left=self._budget.posts)

    def _turn(self, *, hungry: bool) -> None:
        self._health.turned()
        now = time.time()
        self._follow_outbox()
        self._read(hungry=hungry)
        while items := self._pipeline.take(timeout_s=0.0):
            self._account(items)
        self._publish()
        if now >= self._look_due:
            self._look_due = now + _LOOK_EVERY_S
            joined = self._source.group() is not None
            self._health.ready(self._outbox.ready and joined, "waiting for Kafka")
            self._source.measure_lag()

    def _read(self, *, hungry: bool) -> None:
        room = self._budget.room() if hungry else 0
        working = self._budget.posts > 0
        try:
            self._source.pause(paused=room == 0)
            items = self._source.poll(
                max_records=max(1, room),
                timeout_ms=_BUSY_POLL_MS if working else _IDLE_POLL_MS,
                settle=self._outbox.idle,
            )
        except (AuthorizationError, SaslAuthenticationFailedError) as error:
            raise BrokerError(f"Kafka refuses to let this worker read: {in_words(error)}") from error
        except FencedInstanceIdError as error:
            raise FencedError(displaced()) from error
        except KafkaError as error:
            log.warning("poll_failed", error=repr(error))
            self._source.give_up()
            self._stop.wait(_IDLE_POLL_MS / 1000)
            return
        if items:
            self._budget.add(len(items), sum(item.size for item in items))
            self._pipeline.submit(items)

    def _account(self, items: Sequence[Item]) -> None:
        owned = self._source.tenures.snapshot()
        live = [item for item in items if owned.get(item.partition) == item.tenure]
        self._release(
            items if not live else [i for i in items if owned.get(i.partition) != i.tenure], "revoked"
        )
        passed = 0
        for item in live:
            if item.failure is None:
                passed += 1
                continue
            self._breaker.passed(passed)
            passed = 0
            self._breaker.failed(item.failure[2])
        self._breaker.passed(passed)
        if live and not self._decided:
            self._decided_since = time.monotonic()
        self._decided += live

    def _publish(self) -> None:
        if not self._decided or not self._outbox.idle:
            return
        most = self._settings.stream.transaction_posts
        waited_ms = (time.monotonic() - self._decided_since) * 1000
        due = waited_ms >= self._settings.stream.transaction_interval_ms
        if not (due or len(self._decided) >= most or self._stop.is_set()):
            return
        # The place in the group first, then what is still owned: a rebalance in between makes the broker
        # refuse the place. The other way round it could take offsets of partitions that are gone.
        place = self._source.place_for_commit()
        if place is None:
            return
        owned = self._source.tenures.snapshot()
        taken, self._decided = self._decided[:most], self._decided[most:]
        self._decided_since = time.monotonic()
        live = [item for item in taken if owned.get(item.partition) == item.tenure]
        self._release([item for item in taken if owned.get(item.partition) != item.tenure], "revoked")
        if not live:
            return
        offsets: dict[TopicPartition, int] = {item.partition: item.record.offset + 1 for item in live}
        records = [item.outgoing for item in live if item.outgoing is not None]
        self._committing = live
        self._outbox.submit(Transaction(records, offsets, place))

    def _follow_outbox(self) -> None:
        report = self._outbox.poll()
        if report is not None:
            if report.fate == "committed":
                self._committed()
            elif report.fate != "ready":
                self._give_up_work(report)

    def _committed(self) -> None:
        self._recovery.committed()
        done, self._committing = self._committing, []
        COMMITTED.inc(len(done))
        for action, count in Counter(item.action for item in done if item.action is not None).items():
            DECISIONS.labels(action=action).inc(count)
        failures = Counter(item.failure[:2] for item in done if item.failure is not None)
        for (stage, reason), count in failures.items():
            DEAD_LETTERS.labels(stage=stage, reason=reason).inc(count)
        self._free(done)

    def _give_up_work(self, report: Report) -> None:
        """Drops everything in flight, to be read again from the committed offsets.

        That waits until the next producer stands by, which ends whatever the failed one left open.
        """
        delay_s = self._recovery.delay_after(report)
        self._outbox.renew(delay_s=delay_s)
        self._release(self._committing + self._decided, report.fate)
        self._committing, self._decided = [], []
        self._source.give_up()

    def _release(self, items: Sequence[Item], cause: str) -> None:
        if items:
            DISCARDED.labels(cause=cause).inc(len(items))
            self._free(items)

    def _free(self, items: Sequence[Item]) -> None:
        self._budget.release(len(items), sum(item.size for item in items))
