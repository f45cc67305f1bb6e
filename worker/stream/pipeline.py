"""The stages on their threads. Batches stay in order, so the last item out tells the offset to commit."""

from __future__ import annotations

import threading
import time
from collections import deque
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from worker.metrics import STAGE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.settings import DetectorSettings
    from worker.stream.item import Item
    from worker.stream.stages import Stages


class Pipeline:
    """Prepare, score and decide, each on its own thread, with queues between them.

    The queues need no bound of their own: the runner bounds what is in flight.
    """

    def __init__(self, stages: Stages, settings: DetectorSettings) -> None:
        self._stages = stages
        self._settings = settings
        self._arrived: SimpleQueue[list[Item] | None] = SimpleQueue()
        self._prepared: SimpleQueue[list[Item] | None] = SimpleQueue()
        self._scored: SimpleQueue[list[Item] | None] = SimpleQueue()
        self._decided: SimpleQueue[list[Item]] = SimpleQueue()
        self._broken: BaseException | None = None
        self._threads = [
            threading.Thread(target=self._guard, args=(loop,), name=name, daemon=True)
            for name, loop in (("prepare", self._prepare), ("score", self._score), ("decide", self._decide))
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, items: list[Item]) -> None:
        """Hands records in."""
        self._arrived.put(items)

    def take(self, timeout_s: float) -> list[Item]:
        """The next decided items, in the order of their partitions; empty where none come in time.

        Raises:
            RuntimeError: a stage ended by an error that is not a post's; the worker can't go on.
        """
        if self._broken is not None:
            raise RuntimeError("a stage of the pipeline ended") from self._broken
        try:
            return self._decided.get(timeout=timeout_s) if timeout_s > 0 else self._decided.get_nowait()
        except Empty:
            return []

    def close(self, timeout_s: float) -> None:
        """Lets the threads end after what they are at."""
        self._arrived.put(None)
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _guard(self, loop: Callable[[], None]) -> None:
        try:
            loop()
        except BaseException as error:  # noqa: BLE001 - the runner raises it on its own thread
            self._broken = error

    def _prepare(self) -> None:
        while (items := self._arrived.get()) is not None:
            with STAGE_SECONDS.labels(stage="prepare").time():
                self._stages.prepare(items)
            now = time.monotonic()
            for item in items:
                item.arrived = now
            self._prepared.put(items)
        self._prepared.put(None)

    def _score(self) -> None:
        """Cuts what is prepared into batches: full ones at once, others at their first post's deadline."""
        waiting: deque[Item] = deque()
        tokens = 0
        open_ = True
        while open_ or waiting:
            arrived = self._next_prepared(waiting, tokens) if open_ else ()
            if arrived is None:
                open_ = False
            else:
                waiting.extend(arrived)
                tokens += sum(item.tokens for item in arrived)
                if open_ and 0 < tokens < _budget(waiting[0]) and self._patient(waiting):
                    continue
            batch = self._cut(waiting)
            tokens -= sum(item.tokens for item in batch)
            if batch:
                with STAGE_SECONDS.labels(stage="score").time():
                    self._stages.score(batch)
                self._scored.put(batch)
        self._scored.put(None)

    def _patient(self, waiting: deque[Item]) -> bool:
        # A late batch still takes all that is prepared: cut at every poll, batches of a worker that is behind
        # would be small, and on a device where each costs the same it would stay behind.
        if not self._prepared.empty():
            return True
        return time.monotonic() < waiting[0].arrived + self._settings.max_latency_ms / 1000

    def _next_prepared(self, waiting: deque[Item], tokens: int) -> Sequence[Item] | None:
        """More items: waits for them without end, until the first one's deadline, or not at all."""
        if not waiting:
            return self._prepared.get()
        patience = waiting[0].arrived + self._settings.max_latency_ms / 1000 - time.monotonic()
        try:
            if tokens >= _budget(waiting[0]) or patience <= 0:
                return self._prepared.get_nowait()
            return self._prepared.get(timeout=patience)
        except Empty:
            return ()

    def _cut(self, waiting: deque[Item]) -> list[Item]:
        """The next batch: within the token budget of its first item's decider."""
        batch: list[Item] = []
        tokens = 0
        while waiting:
            tokens += waiting[0].tokens
            if batch and tokens > _budget(batch[0]):
                break
            batch.append(waiting.popleft())
        return batch

    def _decide(self) -> None:
        while (items := self._scored.get()) is not None:
            with STAGE_SECONDS.labels(stage="decide").time():
                self._stages.decide(items)
            self._decided.put(items)


def _budget(item: Item) -> int:
    """Most tokens of a batch that begins with this item."""
    assert item.decider is not None  # noqa: S101 - the stage before this one set it
    return item.decider.scorer.token_budget
