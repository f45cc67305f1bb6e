"""Keeps a worker in the stage that the stages topic says, from before its first post on."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import structlog
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from worker.errors import BrokerError
from worker.records import StageStep
from worker.release.rungs import OFF
from worker.release.steps import entry, in_force, stamp
from worker.release.topic import SeveralPartitionsError, StepWriter, read_steps, step_of
from worker.stream.client import client_options
from worker.stream.refusal import in_words

if TYPE_CHECKING:
    from worker.release.rollout import Rollout
    from worker.settings import Settings
    from worker.stream.decider import Current

log = structlog.get_logger(__name__)

_POLL_MS: Final = 200
_RETRY_S: Final = 5.0


class Follower:
    """Follows the steps of this worker's group on a thread, after it has read all there are.

    A challenger that the topic does not know yet is put on it, in the stage `off`: so whoever takes the next
    step takes it for what the workers have loaded.

    Args:
        settings: the worker's.
        rollout: is set to the stage in force.
        current: what decides where the challenger does not.
        worker: this worker's name.

    Raises:
        BrokerError: the topic is not there or can't be read; without the stage nothing may be decided.
    """

    def __init__(self, settings: Settings, *, rollout: Rollout, current: Current, worker: str) -> None:
        self._settings = settings
        self._rollout = rollout
        self._current = current
        self._worker = worker
        self._challenger = stamp(rollout.challenger)
        self._latest: StageStep | None = None
        # Whether the challenger is still to be put on the topic: at once, or when another one has left.
        self._entering = True
        self._waiting_said = False
        self._try_at = 0.0
        self._ending = threading.Event()
        try:
            self._consumer = self._read_to_the_end()
        except KafkaError as error:
            raise BrokerError(
                f"the topic {settings.topics.stages!r} (topics.stages) can't be read: {in_words(error)}"
            ) from error
        self._thread = threading.Thread(target=self._run, name="stages", daemon=True)
        self._thread.start()

    def close(self, timeout_s: float) -> None:
        """Ends the thread."""
        self._ending.set()
        self._thread.join(timeout_s)

    def _read_to_the_end(self) -> Any:
        kafka = self._settings.kafka
        consumer: Any = KafkaConsumer(
            **client_options(kafka),
            group_id=None,
            isolation_level="read_committed",
            enable_auto_commit=False,
            # Should the topic be made anew, its steps are read from the first one on.
            auto_offset_reset="earliest",
            request_timeout_ms=kafka.request_timeout_ms,
            bootstrap_timeout_ms=kafka.request_timeout_ms,
            metrics_enabled=False,
        )
        try:
            self._catch_up(consumer)
        except BaseException:
            consumer.close()
            raise
        return consumer

    def _catch_up(self, consumer: Any) -> None:
        kafka, topic = self._settings.kafka, self._settings.topics.stages
        numbers = consumer.partitions_for_topic(topic)
        if not numbers:
            raise BrokerError(
                f"the topic {topic!r} (topics.stages) does not exist, and there is a challenger (STAGE__*): "
                "create it with one partition and cleanup.policy=compact"
            )
        if len(numbers) > 1:
            raise SeveralPartitionsError(topic)
        place = TopicPartition(topic, 0)
        consumer.assign([place])
        consumer.seek_to_beginning(place)
        end = consumer.end_offsets([place])[place]
        # A step that was left open is aborted by then.
        deadline = time.monotonic() + (kafka.transaction_timeout_ms + kafka.request_timeout_ms) / 1000
        while consumer.position(place) < end:
            self._follow(consumer)
            if time.monotonic() > deadline:
                raise BrokerError(f"the topic {topic!r} (topics.stages) can't be read to its end")

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self._follow(self._consumer)
                self._enter()
            except Exception as error:  # noqa: BLE001 - whatever the client raises, the next step is to be seen
                # The stage in force stays: the others of the group are in it too.
                log.warning("stages_unreadable", error=str(error) or repr(error))
                self._try_at = time.monotonic() + _RETRY_S
                self._ending.wait(1.0)
        self._consumer.close()

    def _follow(self, consumer: Any) -> None:
        for records in consumer.poll(timeout_ms=_POLL_MS).values():
            for record in records:
                if (step := step_of(record, self._settings.kafka.group_id)) is not None:
                    self._take(step)

    def _take(self, step: StageStep) -> None:
        self._latest = step
        before, rung = self._rollout.rung, in_force(step, self._challenger)
        if rung != before:
            self._rollout.enter(rung)
            log.info("stage_entered", stage=str(rung), before=str(before), by=step.by, number=step.number)

    def _enter(self) -> None:
        """Puts the challenger on the topic, unless it is known there or another one is on its way."""
        if not self._entering or time.monotonic() < self._try_at:
            return
        live = stamp(self._current.decider)
        found = entry(self._latest, self._challenger, live)
        if found == "wait":
            if not self._waiting_said:
                self._waiting_said = True
                log.warning("challenger_waits", for_="another one, which is to be taken back to off first")
            return
        if found == "enter":
            with StepWriter(self._settings) as writer:
                steps = read_steps(self._settings)
                latest = steps[-1] if steps else None
                if entry(latest, self._challenger, live) == "enter":
                    writer.write(self._first_step(1 if latest is None else latest.number + 1))
        self._entering = False

    def _first_step(self, number: int) -> StageStep:
        return StageStep(
            group=self._settings.kafka.group_id,
            number=number,
            challenger=self._challenger,
            live=stamp(self._current.decider),
            stage=OFF.stage,
            share=OFF.share,
            by=self._worker,
            at=datetime.now(UTC),
            note="loaded by a worker",
            gates=(),
        )
