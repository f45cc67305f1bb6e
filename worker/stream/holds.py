"""Which actions are held down now: what the topic of holds says, and what this process has tripped itself.

A thread follows the topic. A hold of this process counts at once and is written until it is read back, so
that every worker of the group comes to the same state: the latest record decides. Without the topic a hold
counts in this process alone, as long as that lives.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog
from kafka.errors import KafkaError

from worker.action_rate.hold import ACTIONS
from worker.errors import BrokerError
from worker.metrics import ACTION_HELD
from worker.stream.hold_topic import HoldTopic, write_hold
from worker.stream.refusal import in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from worker.records import Hold, Holdable
    from worker.settings import Settings

log = structlog.get_logger(__name__)

_POLL_MS: Final = 500
_AGAIN_S: Final = 10.0


class _Own(NamedTuple):
    """A hold of this process that was not read back yet, and whether the brokers have it."""

    hold: Hold
    written: bool


class Holds:
    """Follows the topic on a thread of its own.

    Args:
        settings: all settings.
        told: called with the actions that are held down, from any thread, whenever that changes.

    Attributes:
        standing: the latest record of each action; replaced as a whole, so any thread may look.
    """

    def __init__(self, settings: Settings, *, told: Callable[[Sequence[Holdable]], None]) -> None:
        self.standing: Mapping[Holdable, Hold] = {}
        self._settings = settings
        self._told = told
        self._lock = threading.Lock()
        self._read: dict[Holdable, Hold] = {}
        self._own: dict[Holdable, _Own] = {}
        self._alone: str | None = None
        self._known = threading.Event()
        self._ending = threading.Event()
        self._update()
        self._thread = threading.Thread(target=self._run, name="holds", daemon=True)
        self._thread.start()

    def wait(self, timeout_s: float) -> None:
        """Returns once it is known what is held, or that it can't be known, or after that time."""
        if not self._known.wait(timeout_s):
            log.warning("holds_unknown", waited_s=timeout_s)

    def put(self, hold: Hold) -> None:
        """A hold that this process has found; it counts at once."""
        with self._lock:
            self._own[hold.action] = _Own(hold, written=False)
            self._update()

    def close(self, timeout_s: float) -> None:
        """Lets the thread end."""
        self._ending.set()
        self._thread.join(timeout_s)

    def _update(self) -> None:
        self.standing = self._read | {action: own.hold for action, own in self._own.items()}
        held = [action for action in ACTIONS if action in self.standing and self.standing[action].held]
        for action in ACTIONS:
            ACTION_HELD.labels(action=action).set(action in held)
        self._told(held)

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                topic = HoldTopic(self._settings)
                try:
                    self._follow(topic)
                finally:
                    topic.close()
            except (KafkaError, BrokerError) as error:
                self._go_alone(in_words(error))
                self._known.set()
                self._ending.wait(_AGAIN_S)

    def _follow(self, topic: HoldTopic) -> None:
        topic.catch_up()
        with self._lock:
            # What was written before stands in the topic, or was superseded there.
            self._own = {action: own for action, own in self._own.items() if not own.written}
            self._take(topic)
        if self._alone is not None:
            self._alone = None
            log.info("holds_followed", topic=self._settings.topics.holds)
        self._known.set()
        while not self._ending.is_set():
            self._write()
            if read := topic.poll(_POLL_MS):
                with self._lock:
                    for hold in read:
                        own = self._own.get(hold.action)
                        if own is not None and own.hold == hold:
                            del self._own[hold.action]
                    self._take(topic)

    def _take(self, topic: HoldTopic) -> None:
        before = self.standing
        self._read = dict(topic.latest)
        self._update()
        for action, hold in self.standing.items():
            earlier = before.get(action)
            if hold.held == (earlier is not None and earlier.held):
                continue
            event = "action_held_elsewhere" if hold.held else "action_lifted"
            log.warning(event, action=action, by=hold.by, at=hold.at.isoformat(), note=hold.note)

    def _write(self) -> None:
        """Puts this process's own holds on the topic."""
        for own in [own for own in self._own.values() if not own.written]:
            write_hold(self._settings, own.hold)
            with self._lock:
                if self._own.get(own.hold.action) == own:
                    self._own[own.hold.action] = _Own(own.hold, written=True)

    def _go_alone(self, error: str) -> None:
        """Says once that holds are this process's own for now."""
        if self._alone is None:
            log.warning(
                "holds_not_shared",
                error=error,
                meaning="a tripped breaker holds an action down in this process alone, until it restarts",
            )
        self._alone = error
