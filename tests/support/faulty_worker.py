"""`flagstaff run` with the faulty detector: a supervisor, and worker processes that its posts can kill.

Run as `python -m tests.support.faulty_worker`; settings come from the environment. Where they name a
challenger, that one is faulty, and the live one is not.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

from tests.support.faulty_detector import FaultyDetector
from worker.detector.isolation import IsolatedScorer
from worker.detector.loading import load_detector
from worker.logs import configure_logs
from worker.release.challenger import challenger_settings
from worker.settings import load_settings
from worker.stream.process import run_process
from worker.supervisor import Supervisor

_PROGRAM = (sys.executable, "-m", "tests.support.faulty_worker")
_CHILD = (sys.executable, "-m", "tests.support.faulty_detector")


def main() -> int:
    settings = load_settings()
    configure_logs(settings.log)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    if "--process" not in sys.argv:
        supervisor = Supervisor(
            [],
            program=_PROGRAM,
            processes=settings.processes,
            grace_s=settings.grace_period_s,
            environ=os.environ,
        )
        return supervisor.run(stop)
    number = int(sys.argv[-1])
    if settings.stage.named:
        faulty = FaultyDetector(load_detector(challenger_settings(settings).detector))
        run_process(settings, number=number, stop=stop, challenger=faulty)
        return 0
    detector = load_detector(settings.detector)
    run_process(
        settings,
        number=number,
        stop=stop,
        detector=FaultyDetector(detector),
        isolation=IsolatedScorer(settings.detector, digest=detector.digest, command=_CHILD),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
