"""The challenger beside the live pipeline: on a thread of its own, within a share of the time.

After each chunk the thread rests until the chunk was no more than its share of the time that has passed. What
comes meanwhile waits in a short queue, and what finds no room there is skipped and counted. So however slow
the challenger is, the pipeline loses at most that share, and waits for one chunk at most.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from worker.detector.protocol import DeviceLost
from worker.errors import BrokerError
from worker.metrics import SHADOW_DECISIONS, SHADOW_POSTS, SHADOW_SECONDS
from worker.stream.sender import Sender

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.records import ShadowDecision
    from worker.release.beside import Beside
    from worker.release.waiting import Waiting, WaitingPosts
    from worker.settings import Settings
    from worker.stream.notes import Notes

log = structlog.get_logger(__name__)

# Short, since the pipeline may have to wait for one.
_CHUNK_POSTS: Final = 32
_LOOK_EVERY_S: Final = 0.2
_FLUSH_S: Final = 2.0
# The topic or a broker that is away is looked for again after this.
_RETRY_S: Final = 10.0
_ENCODER: Final = msgspec.json.Encoder()


class Shadow:
    """Decides what waits, publishes it on the shadow topic, and counts what it could not do.

    Nothing here is exactly once: a post that is decided again, after a rebalance, is compared again, and what
    was not delivered when the worker ends is lost.

    Args:
        settings: the worker's.
        beside: decides.
        waiting: the posts.
        notes: where a post is noted before the detector sees it, so that one that kills the process is found.
    """

    def __init__(self, settings: Settings, *, beside: Beside, waiting: WaitingPosts, notes: Notes) -> None:
        self._settings = settings
        self._beside = beside
        self._waiting = waiting
        self._notes = notes
        self._ending = threading.Event()
        self._sender: Sender | None = None
        self._retry_at = 0.0
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)
        self._thread.start()

    def close(self, timeout_s: float) -> None:
        """Ends the thread after its chunk; what waits is left."""
        self._ending.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        share = self._settings.stage.time_share
        try:
            while not self._ending.is_set():
                posts = self._waiting.take(_CHUNK_POSTS, _LOOK_EVERY_S)
                if not posts:
                    continue
                # Waiting for a broker takes nothing from the pipeline, so it asks for no rest.
                self._connect()
                began = time.monotonic()
                self._chunk(posts)
                took = time.monotonic() - began
                SHADOW_SECONDS.inc(took)
                self._ending.wait(took * (1 / share - 1))
        except DeviceLost as error:
            log.error("shadow_ended", error=str(error))  # noqa: TRY400 - one line; the pipeline will say more
        self._close_sender()

    def _chunk(self, posts: Sequence[Waiting]) -> None:
        self._notes.write("shadow", [one.place for one in posts])
        decided: list[tuple[Waiting, ShadowDecision]] = []
        try:
            decided = self._beside.decide(posts)
        except Exception as error:  # noqa: BLE001 - whatever a challenger raises harms nobody
            log.warning("shadow_failed", error=f"{type(error).__name__}: {error}")
        self._notes.strike("shadow")
        published = sum(self._publish(one, decision) for one, decision in decided)
        SHADOW_POSTS.labels("failed").inc(len(posts) - len(decided))
        SHADOW_POSTS.labels("decided").inc(published)
        SHADOW_POSTS.labels("lost").inc(len(decided) - published)

    def _connect(self) -> None:
        if self._sender is not None or time.monotonic() < self._retry_at:
            return
        try:
            self._sender = Sender(self._settings.kafka, self._settings.topics.shadow)
        except BrokerError as error:
            self._lost(error)

    def _publish(self, one: Waiting, decision: ShadowDecision) -> bool:
        SHADOW_DECISIONS.labels(decision.flag.action, decision.live.action).inc()
        if self._sender is None:
            return False
        try:
            return self._sender.send(_ENCODER.encode(decision), one.key) is None
        except BrokerError as error:
            self._lost(error)
            return False

    def _lost(self, error: BrokerError) -> None:
        log.warning("shadow_lost", error=str(error), again_in_s=_RETRY_S)
        self._close_sender(flush=False)
        self._retry_at = time.monotonic() + _RETRY_S

    def _close_sender(self, *, flush: bool = True) -> None:
        if self._sender is None:
            return
        with self._sender as sender:
            self._sender = None
            try:
                if flush:
                    sender.finish(_FLUSH_S)
            except BrokerError as error:
                log.warning("shadow_lost", error=str(error))
