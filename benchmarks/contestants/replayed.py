"""One of the two that `benchmarks.replay` compares: a live worker, or a replay of what it published."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.contestants.measure import peak_mib
from benchmarks.contestants.measured_worker import run_until
from benchmarks.contestants.whole_worker import FreeDetector
from worker.commands.scoring import tune_interpreter
from worker.detector.loading import load_detector
from worker.logs import configure_logs
from worker.policy import load_policy
from worker.replay.replaying import Replay
from worker.replay.topics import Asked
from worker.replay.variants import Variant
from worker.settings import PREFIX, load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.detector.protocol import Detector
    from worker.replay.plan import SignalMode
    from worker.settings import Settings

_PART_RECORDS = 10_000
_DAY_MS = 86_400_000


def main() -> None:
    """Arguments: `live`, `rebuilt` or `recorded`; `free` or `model`; posts; settings as a JSON object."""
    what, kind, count, given = sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4])
    settings = load_settings(environ={f"{PREFIX}{name}": value for name, value in given.items()})
    if what == "live":
        topics = (settings.topics.posts, settings.topics.flags)
        run_until(count, settings.kafka.bootstrap_servers, topics, given, _free(kind))
        return
    print(json.dumps(_replay(settings, _free(kind), "recorded" if what == "recorded" else "rebuilt", count)))


def _free(kind: str) -> Detector | None:
    return FreeDetector() if kind == "free" else None


def _replay(
    settings: Settings, detector: Detector | None, signals: SignalMode, count: int
) -> Mapping[str, Any]:
    """Posts a second from the first read to the last output; to load the model does not count.

    Raises:
        RuntimeError: not every post came out equal to what the live worker published. Several partitions
            are read in another order than that of event time, so rebuilt readings may differ.
    """
    configure_logs(settings.log)
    tune_interpreter()
    loaded = detector if detector is not None else load_detector(settings.detector)
    variant = Variant("replay", loaded, load_policy(), settings.signals)
    asked = Asked(0, time.time_ns() // 1_000_000 + _DAY_MS, (), None, signals)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        run = Replay(settings, asked, [variant], Path(folder) / "out")
        run.score(None, _PART_RECORDS, lambda *_: None)
        (summary,) = run.merge(None, lambda *_: None)
        seconds = time.perf_counter() - began
    result = summary.result
    if result.decided != count or (signals == "recorded" and result.kinds != {"same": count}):
        raise RuntimeError(f"of {count} posts {result.decided} were decided: {result.kinds}")
    return {"posts_per_s": count / seconds, "peak_mib": peak_mib()}


if __name__ == "__main__":
    main()
