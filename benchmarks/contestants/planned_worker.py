"""The worker as it is planned for: a named detector, signals of the post alone, no cache."""

from __future__ import annotations

import sys
from typing import Final

from benchmarks.contestants.measured_worker import run_until
from benchmarks.contestants.whole_worker import FreeDetector

FREE: Final = "free"
SETTINGS: Final = {
    "DETECTOR__DEVICE": "cpu",
    "DETECTOR__DTYPE": "float32",
    "SIGNALS__ENABLED": "account_age,follower_ratio,link_share",
}


def main() -> None:
    """Arguments: the model's folder or `free`, flagged or all, bootstrap servers, topic, topic out, posts."""
    model, emit, servers, topic, out, count = sys.argv[1:]
    free = model == FREE
    settings = SETTINGS | {"EMIT": emit} | ({} if free else {"DETECTOR__MODEL": model})
    run_until(int(count), servers, (topic, out), settings, FreeDetector() if free else None)


if __name__ == "__main__":
    main()
