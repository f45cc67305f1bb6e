"""A new detector or policy without a gap: loaded beside the present one, while that goes on deciding."""

from __future__ import annotations

import threading
import time
from queue import Empty
from typing import TYPE_CHECKING, Final

import structlog
from msgspec import Struct
from msgspec.structs import fields, replace

from worker.detector.protocol import DeviceLost
from worker.errors import FlagstaffError
from worker.metrics import DETECTOR_INFO, DETECTOR_SWITCHES
from worker.stream.decider import next_decider
from worker.stream.origin import origin

if TYPE_CHECKING:
    from collections.abc import Callable
    from queue import SimpleQueue

    from worker.redis_link import RedisLink
    from worker.settings import Settings
    from worker.stream.decider import Current, Decider

log = structlog.get_logger(__name__)

# Belongs to how the stream is batched, which is set up once.
_BATCHING: Final = ("max_latency_ms",)


class Reload:
    """Reads settings, policy and detector again when asked to, on a thread of its own.

    Asked while it is at work, it begins once more when it is done, and then with the latest. What can't be
    loaded changes nothing.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        reread: Callable[[], Settings],
        asked: SimpleQueue[None],
        link: RedisLink | None,
        current: Current,
    ) -> None:
        """Starts the thread.

        Args:
            settings: those that the worker started with.
            reread: reads all settings again; raises `SettingsError`.
            asked: whoever puts something in asks for a reload; a signal handler may.
            link: the way to Redis, or None.
            current: where the decider in force is replaced.
        """
        self._settings = settings
        self._reread = reread
        self._asked = asked
        self._link = link
        self._current = current
        self._ending = False
        # What was there when the first decider was loaded; then, what the last reload found.
        self._seen: object = (settings, current.decider.origin)
        DETECTOR_INFO.clear()
        DETECTOR_INFO.labels(*_labels(current.decider)).set(1)
        self._thread = threading.Thread(target=self._run, name="reload", daemon=True)
        self._thread.start()

    def close(self, timeout_s: float) -> None:
        """Lets the thread end; what it is still loading after that time is left behind with the process."""
        self._ending = True
        self._asked.put(None)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._ending:
            asked = self._wait()
            if self._ending:
                return
            seen = self._look()
            if asked or seen != self._seen:
                self._seen = seen
                self._reload()

    def _wait(self) -> bool:
        """Returns whether it was asked for a reload; if not, it is time to look for a change."""
        try:
            self._asked.get(timeout=self._settings.watch_interval_s or None)
        except Empty:
            return False
        while not self._asked.empty():
            self._asked.get()
        return True

    def _look(self) -> object:
        """All that a reload would read, as far as it can be told without reading a model."""
        try:
            settings = self._reread()
        except Exception as error:  # noqa: BLE001 - the reload that follows says what is wrong
            return str(error)
        return settings, origin(settings)

    def _reload(self) -> None:
        began = time.monotonic()
        try:
            wanted = self._reread()
            if others := changed_otherwise(self._settings, wanted):
                log.warning("settings_need_restart", settings=others)
            decider = next_decider(reloaded(self._settings, wanted), self._link, self._current.decider)
        except FlagstaffError as error:
            self._refuse(str(error))
        except (Exception, DeviceLost) as error:  # noqa: BLE001 - whatever a bad model raises harms nobody
            self._refuse(f"{type(error).__name__}: {error}")
        else:
            self._take(decider, time.monotonic() - began)

    def _refuse(self, error: str) -> None:
        DETECTOR_SWITCHES.labels("refused").inc()
        log.error(
            "detector_refused", error=" ".join(error.split()), goes_on=self._current.decider.detector.digest
        )

    def _take(self, decider: Decider, took_s: float) -> None:
        facts = {
            "detector": decider.detector.name,
            "detector_digest": decider.detector.digest,
            "policy": decider.policy.name,
            "policy_digest": decider.policy.digest,
        }
        if decider is self._current.decider:
            DETECTOR_SWITCHES.labels("unchanged").inc()
            log.info("detector_unchanged", **facts)
            return
        before, after = _labels(self._current.decider), _labels(decider)
        self._current.decider = decider
        DETECTOR_INFO.labels(*after).set(1)
        if before != after:
            DETECTOR_INFO.remove(*before)
        DETECTOR_SWITCHES.labels("switched").inc()
        log.info("detector_switched", **facts, loaded_in_s=round(took_s, 3))


def reloaded(running: Settings, wanted: Settings) -> Settings:
    """The running settings, with what of the wanted ones is taken over without a restart."""
    kept = {name: getattr(running.detector, name) for name in _BATCHING}
    return replace(running, detector=replace(wanted.detector, **kept), policy=wanted.policy)


def changed_otherwise(running: Settings, wanted: Settings) -> list[str]:
    """Names of the settings that differ and are not taken over, such as `kafka.group_id`."""
    return _changed(reloaded(running, wanted), wanted, "")


def _changed(old: Struct, new: Struct, path: str) -> list[str]:
    names: list[str] = []
    for field in fields(old):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if isinstance(before, Struct) and isinstance(after, Struct):
            names += _changed(before, after, f"{path}{field.name}.")
        elif before != after:
            names.append(f"{path}{field.name}")
    return names


def _labels(decider: Decider) -> tuple[str, str]:
    return decider.detector.name, decider.detector.digest
