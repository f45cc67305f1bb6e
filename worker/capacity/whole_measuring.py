"""Measures a whole worker with a detector that costs nothing, over a backlog of posts."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from worker.errors import BrokerError
from worker.metrics import REGISTRY
from worker.stream.process import run_process

if TYPE_CHECKING:
    from worker.detector.protocol import Detector
    from worker.settings import Settings

_LOOK_EVERY_S: Final = 0.01
_PATIENCE_S: Final = 120.0


def core_seconds_a_post(settings: Settings, detector: Detector, count: int) -> float:
    """Core-seconds of the whole process for each post, from its first commit to its last.

    Args:
        settings: the worker's; its group has committed nothing on the posts topic yet.
        detector: what decides.
        count: posts on the topic.

    Raises:
        BrokerError: they are not decided in time.
    """
    stop = threading.Event()
    found: list[float] = []
    before = _committed()

    def watch() -> None:
        first: tuple[float, float] | None = None
        until = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until and not stop.is_set():
            done = _committed() - before
            now = time.process_time()
            if first is None and done:
                first = (done, now)
            if first is not None and done >= count:
                if done > first[0]:
                    found.append((now - first[1]) / (done - first[0]))
                break
            time.sleep(_LOOK_EVERY_S)
        stop.set()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        run_process(settings, number=0, stop=stop, detector=detector)
    finally:
        stop.set()
        watcher.join()
    if not found:
        raise BrokerError(f"plan: the worker did not decide {count} posts in {_PATIENCE_S:.0f} s; try again")
    return found[0]


def _committed() -> float:
    return REGISTRY.get_sample_value("flagstaff_committed_posts_total") or 0.0
