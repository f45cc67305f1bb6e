"""The worker itself, with a detector that costs nothing and finds one post in twenty suspicious."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
import uuid
from typing import TYPE_CHECKING

from benchmarks.contestants.bare import ONE_IN
from benchmarks.contestants.measure import Meter
from worker.detector.calibration import Calibration
from worker.detector.protocol import Encoded
from worker.logs import configure_logs
from worker.metrics import COMMITTED, TRANSACTIONS
from worker.settings import PREFIX, load_settings
from worker.stream.process import run_process

if TYPE_CHECKING:
    from collections.abc import Sequence

_SUSPICIOUS, _PLAIN = 6.0, -6.0


class FreeDetector:
    """Costs nothing: the logit depends on the text's length alone."""

    name = "free"
    digest = "free"
    calibration = Calibration(fitted=True, languages=("en",))
    batch_tokens = 16_384

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """The payload is the length."""
        return [Encoded(len(text), 1, False) for text in texts]

    def logits(self, batch: Sequence[Encoded]) -> list[float]:
        """High for one length in twenty."""
        return [_PLAIN if encoded.payload % ONE_IN else _SUSPICIOUS for encoded in batch]


def main() -> None:
    """Arguments: bootstrap servers, topic, topic out, posts, Redis URL or nothing, signals or nothing."""
    servers, topic, out, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    redis, signals = (sys.argv[5], sys.argv[6]) if len(sys.argv) > 6 else ("", "")
    with tempfile.TemporaryDirectory() as folder:
        environ = {
            "KAFKA__BOOTSTRAP_SERVERS": servers,
            "KAFKA__GROUP_ID": uuid.uuid4().hex,
            "KAFKA__TRANSACTIONAL_ID_PREFIX": uuid.uuid4().hex,
            "TOPICS__POSTS": topic,
            "TOPICS__FLAGS": out,
            "TOPICS__DEAD_LETTERS": out,
            "REDIS__URL": redis,
            "REDIS__PREFIX": uuid.uuid4().hex,
            "HTTP__PORT": "0",
            "DATA_DIR": folder,
            "LOG__LEVEL": "error",
        } | ({"SIGNALS__ENABLED": signals} if signals != "all" else {})
        settings = load_settings(environ={f"{PREFIX}{name}": value for name, value in environ.items()})
        configure_logs(settings.log)
        stop = threading.Event()
        threading.Thread(target=_watch, args=(count, stop), daemon=True).start()
        run_process(settings, number=0, stop=stop, detector=FreeDetector())


def _watch(count: int, stop: threading.Event) -> None:
    meter = Meter(count)
    while not meter.committed(int(_value(COMMITTED))):
        time.sleep(0.01)
    print(f"{count / max(1.0, _value(TRANSACTIONS)):.0f} posts a transaction", file=sys.stderr)
    stop.set()


def _value(counter: object) -> float:
    (sample, *_) = next(iter(counter.collect())).samples  # type: ignore[attr-defined]  # prometheus-client's own
    return float(sample.value)


if __name__ == "__main__":
    main()
