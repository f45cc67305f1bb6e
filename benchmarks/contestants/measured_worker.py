"""A whole worker that stops once it has committed so many posts."""

from __future__ import annotations

import tempfile
import threading
import time
import uuid
from typing import TYPE_CHECKING

from benchmarks.contestants.measure import Meter
from worker.logs import configure_logs
from worker.metrics import COMMITTED
from worker.settings import PREFIX, load_settings
from worker.stream.process import run_process

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.detector.protocol import Detector


def run_until(
    count: int,
    servers: str,
    topics: tuple[str, str],
    settings: Mapping[str, str],
    detector: Detector | None = None,
) -> None:
    """Runs a worker in a group of its own, and prints its rate and peak memory when it is done.

    Args:
        count: posts to commit.
        servers: Kafka's bootstrap servers.
        topics: where posts are read, and where flags and dead letters go.
        settings: further ones, without their prefix.
        detector: None for the one that the settings name.
    """
    posts, out = topics
    with tempfile.TemporaryDirectory() as folder:
        environ = {
            "KAFKA__BOOTSTRAP_SERVERS": servers,
            "KAFKA__GROUP_ID": uuid.uuid4().hex,
            "KAFKA__TRANSACTIONAL_ID_PREFIX": uuid.uuid4().hex,
            "TOPICS__POSTS": posts,
            "TOPICS__FLAGS": out,
            "TOPICS__DEAD_LETTERS": out,
            "REDIS__PREFIX": uuid.uuid4().hex,
            "HTTP__PORT": "0",
            "DATA_DIR": folder,
            "LOG__LEVEL": "error",
            **settings,
        }
        loaded = load_settings(environ={f"{PREFIX}{name}": value for name, value in environ.items()})
        configure_logs(loaded.log)
        stop = threading.Event()
        threading.Thread(target=_watch, args=(count, stop), daemon=True).start()
        run_process(loaded, number=0, stop=stop, detector=detector)


def value_of(counter: object) -> float:
    """A counter's value now."""
    (sample, *_) = next(iter(counter.collect())).samples  # type: ignore[attr-defined]  # prometheus-client's own
    return float(sample.value)


def _watch(count: int, stop: threading.Event) -> None:
    meter = Meter(count)
    while not meter.committed(int(value_of(COMMITTED))):
        time.sleep(0.01)
    stop.set()
