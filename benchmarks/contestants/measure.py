"""What every contestant measures of itself."""

from __future__ import annotations

import json
import resource
import sys
import time


class Meter:
    """Posts a second between the first commit and the last, so that starting up does not count."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._first: tuple[float, int] | None = None

    def committed(self, total: int) -> bool:
        """Notes how many posts are committed by now; prints the result and returns True at the last."""
        now = time.perf_counter()
        if self._first is None and total:
            self._first = (now, total)
        if total < self._wanted or self._first is None:
            return False
        began, before = self._first
        rate = (total - before) / (now - began) if total > before else 0.0
        print(json.dumps({"posts_per_s": rate, "peak_mib": peak_mib()}), flush=True)
        return True


def peak_mib() -> float:
    """Peak resident memory of this process."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
