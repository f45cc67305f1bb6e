"""Cores for the worker, and others for Kafka, sender and reader: a plan has brokers elsewhere."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_ALL: Final = frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else frozenset[int]()
# The first half; none where there is a single one, or where the system pins no process.
WORKER: Final = frozenset(sorted(_ALL)[: len(_ALL) // 2])


@contextmanager
def elsewhere() -> Iterator[None]:
    """Keeps this process, and what it starts, off the worker's cores."""
    os.sched_setaffinity(0, _ALL - WORKER)
    try:
        yield
    finally:
        os.sched_setaffinity(0, _ALL)
