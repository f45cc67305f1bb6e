"""What the planned worker's steps cost, and how many of its detector's tokens each post has."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec

from benchmarks.contestants.planned_worker import FREE, SETTINGS
from benchmarks.contestants.whole_worker import FreeDetector
from worker.capacity.calibration import measured_costs
from worker.detector.loading import load_detector
from worker.logs import configure_logs
from worker.settings import PREFIX, load_settings
from worker.text import canonical


def main() -> None:
    """Arguments: the model's folder or `free`, and a file of posts."""
    model, file = sys.argv[1], Path(sys.argv[2])
    records = file.read_bytes().splitlines()
    values = SETTINGS | {"LOG__LEVEL": "error"} | ({} if model == FREE else {"DETECTOR__MODEL": model})
    settings = load_settings(environ={f"{PREFIX}{name}": value for name, value in values.items()})
    configure_logs(settings.log)
    detector = FreeDetector() if model == FREE else load_detector(settings.detector)
    costs = measured_costs(settings, records, detector=detector)
    texts = [canonical(msgspec.json.decode(record)["text"]) for record in records]
    tokens = [one.tokens for one in detector.encode(texts)]
    print(json.dumps({"costs": msgspec.to_builtins(costs), "tokens": tokens}))


if __name__ == "__main__":
    main()
