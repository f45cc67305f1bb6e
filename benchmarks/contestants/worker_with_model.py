"""The worker with a transformer as its detector, signals of the post alone, no cache."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
import uuid

from benchmarks.contestants.measure import Meter
from worker.logs import configure_logs
from worker.metrics import COMMITTED
from worker.settings import PREFIX, load_settings
from worker.stream.process import run_process


def main() -> None:
    """Arguments: the model's folder, its number format, bootstrap servers, topic, topic out, posts."""
    folder, number_format, servers, topic, out, count = sys.argv[1:]
    with tempfile.TemporaryDirectory() as data:
        environ = {
            "KAFKA__BOOTSTRAP_SERVERS": servers,
            "KAFKA__GROUP_ID": uuid.uuid4().hex,
            "KAFKA__TRANSACTIONAL_ID_PREFIX": uuid.uuid4().hex,
            "TOPICS__POSTS": topic,
            "TOPICS__FLAGS": out,
            "TOPICS__DEAD_LETTERS": out,
            "DETECTOR__MODEL": folder,
            "DETECTOR__DTYPE": number_format,
            "DETECTOR__DEVICE": "cpu",
            "SIGNALS__ENABLED": "account_age,follower_ratio,link_share",
            "REDIS__URL": "",
            "EMIT": "flagged",
            "HTTP__PORT": "0",
            "DATA_DIR": data,
            "LOG__LEVEL": "error",
        }
        settings = load_settings(environ={f"{PREFIX}{name}": value for name, value in environ.items()})
        configure_logs(settings.log)
        stop = threading.Event()
        threading.Thread(target=_watch, args=(int(count), stop), daemon=True).start()
        run_process(settings, number=0, stop=stop)


def _watch(count: int, stop: threading.Event) -> None:
    meter = Meter(count)
    while not meter.committed(_committed()):
        time.sleep(0.01)
    stop.set()


def _committed() -> int:
    (metric,) = COMMITTED.collect()
    return int(metric.samples[0].value)


if __name__ == "__main__":
    main()
