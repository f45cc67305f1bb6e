"""One worker process: puts the parts together, runs them, and takes them apart again."""

from __future__ import annotations

import gc
import sys
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

import structlog
from kafka.errors import KafkaError

from worker.action_rate.watch import design
from worker.errors import BrokerError
from worker.health import Health, HealthServer
from worker.intake import PostReader
from worker.redis_link import RedisLink
from worker.release.taking_part import taking_part
from worker.stream.action_breaker import ActionBreaker
from worker.stream.breaker import DeadLetterBreaker
from worker.stream.client import producer_options
from worker.stream.decider import Current, first_decider
from worker.stream.holds import Holds
from worker.stream.notes import Notes
from worker.stream.outbox import Outbox
from worker.stream.pipeline import Pipeline
from worker.stream.recovery import Recovery
from worker.stream.refusal import in_words
from worker.stream.reload import Reload
from worker.stream.runner import Runner
from worker.stream.slot import Slot
from worker.stream.source import Source
from worker.stream.stages import Stages

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from worker.detector.protocol import Detector
    from worker.settings import Settings
    from worker.stream.decider import Isolation

log = structlog.get_logger(__name__)

_CLOSE_S: Final = 5.0
# Python's default of 5 ms lets one busy thread hold up the stages, the consumer and the producer in turn.
_SWITCH_INTERVAL_S: Final = 0.001
# Posts in flight are many and hold no cycles: looking through them for some, every 700 new objects, costs a
# tenth of the throughput.
_GC_THRESHOLD: Final = (50_000, 20, 50)


def run_process(  # noqa: PLR0913 - the shell's one place where all parts meet
    settings: Settings,
    *,
    number: int,
    stop: threading.Event,
    detector: Detector | None = None,
    isolation: Isolation | None = None,
    reread: Callable[[], Settings] | None = None,
    reload_asked: SimpleQueue[None] | None = None,
    challenger: Detector | None = None,
) -> None:
    """Runs one worker until `stop` is set.

    Args:
        settings: all settings.
        number: which of the command's processes this is; counts ports and static members up.
        stop: ends the worker within its grace period.
        detector: for callers that bring their own; None: the one that the settings name.
        isolation: as above.
        reread: reads all settings again, for a reload; None: they can't change.
        reload_asked: whoever puts something in asks for a reload; see `worker.stream.reload`.
        challenger: the detector of a challenger that the settings name, for callers that bring their own.

    Raises:
        FlagstaffError: whatever ends the worker other than `stop`.
    """
    # Wrong settings end the worker before anything is started.
    design(settings.action_rate)
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    gc.set_threshold(*_GC_THRESHOLD)
    link = RedisLink(settings.redis) if settings.redis.url else None
    current = Current(first_decider(settings, link, detector=detector, isolation=isolation))
    slot = Slot(Path(settings.data_dir))
    name = slot.transactional_id(settings.kafka.transactional_id_prefix)
    health = Health()
    with HealthServer(health, settings.http, number=number), ExitStack() as release:
        log.info(
            "starting",
            worker=name,
            detector=current.decider.detector.name,
            detector_digest=current.decider.detector.digest,
            policy=current.decider.policy.name,
        )
        notes = Notes(slot, name, link=link, key=f"{settings.redis.prefix}:noted:{settings.kafka.group_id}")
        rollout = release.enter_context(
            taking_part(settings, link=link, current=current, notes=notes, worker=name, detector=challenger)
        )
        try:
            source = Source(settings.kafka, settings.topics.posts, process_number=number)
        except KafkaError as error:
            raise BrokerError(
                f"no answer from Kafka at {settings.kafka.bootstrap_servers}: {in_words(error)}"
            ) from error
        holds = Holds(settings, told=health.held) if settings.action_rate.enabled else None
        outbox = Outbox(
            producer_options(settings.kafka, name),
            patience_s=(settings.kafka.transaction_timeout_ms + settings.kafka.request_timeout_ms) / 1000,
        )
        stages = Stages(
            settings,
            reader=PostReader(
                settings.fields,
                max_text_chars=settings.stream.max_text_chars,
                max_bytes=settings.stream.max_post_bytes,
            ),
            current=current,
            notes=notes,
            tenures=source.tenures,
            worker=name,
            breaker=None if holds is None else _action_breaker(settings, holds, slot, name),
            rollout=rollout,
        )
        pipeline = Pipeline(stages, settings.detector)
        reload = Reload(
            settings,
            reread=reread if reread is not None else lambda: settings,
            asked=reload_asked if reload_asked is not None else SimpleQueue(),
            link=link,
            current=current,
        )
        try:
            Runner(
                settings,
                source=source,
                pipeline=pipeline,
                outbox=outbox,
                recovery=Recovery(max_fenced=settings.stream.max_fenced, transactional_id=name),
                breaker=DeadLetterBreaker(settings.breaker),
                health=health,
                stop=stop,
            ).run()
        finally:
            health.ready(False, "stopping")
            reload.close(_CLOSE_S)
            # What is still in flight goes through the stages untouched.
            source.give_up()
            pipeline.close(_CLOSE_S)
            release.close()
            outbox.close(_CLOSE_S)
            if holds is not None:
                holds.close(_CLOSE_S)
            source.close(_CLOSE_S)
            notes.close()
            slot.release()


def _action_breaker(settings: Settings, holds: Holds, slot: Slot, name: str) -> ActionBreaker:
    """The breaker, once it is known what is held: no post is decided before."""
    memory = slot.folder / f"{slot.number}.action-rates"
    breaker = ActionBreaker(settings, holds=holds, worker=name, memory=memory)
    holds.wait(settings.kafka.request_timeout_ms / 1000)
    return breaker
