"""How many cores this process may compute on."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Final

from worker.errors import SettingsError

THREADS_VARIABLE: Final = "OMP_NUM_THREADS"
# Control groups 2 and 1: `quota period`, in microseconds; a container's CPU limit is one.
_QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")
_QUOTA_V1: Final = (
    Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
    Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
)


def usable_cores() -> int:
    """What `OMP_NUM_THREADS` says, else the cores this process may run on, within its container's limit.

    Raises:
        SettingsError: `OMP_NUM_THREADS` is no number from 1 up.
    """
    if stated := os.environ.get(THREADS_VARIABLE):
        # OpenMP allows a list, one number for each level of nesting.
        first = stated.partition(",")[0].strip()
        if not first.isdecimal() or int(first) < 1:
            raise SettingsError(f"settings: {THREADS_VARIABLE} is {stated!r}; give a number from 1 up")
        return int(first)
    return machine_cores()


def machine_cores() -> int:
    """The cores this process may run on, within its container's limit."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota()
    return allowed if quota is None else max(1, min(allowed, math.ceil(quota)))


def _quota() -> float | None:
    try:
        quota, period = _QUOTA.read_text().split()
    except (OSError, ValueError):
        try:
            quota, period = (path.read_text().strip() for path in _QUOTA_V1)
        except OSError:
            return None
    return None if quota in {"max", "-1"} else int(quota) / int(period)
