"""Who saw and did what: one JSON line each in a file that only grows, and in the log."""

from __future__ import annotations

import os
import threading
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog

if TYPE_CHECKING:
    from pathlib import Path

log = structlog.get_logger(__name__)

SHOWN: Final = 200


class Audit:
    """The trail. Any thread calls it.

    Args:
        path: the file; made where it is missing, readable by its owner alone.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)

    def note(self, event: str, who: str, **facts: Any) -> None:
        """Notes an event; it is on the disk when this returns."""
        line = {"at": datetime.now(UTC), "event": event, "who": who, **facts}
        with self._turn, self._path.open("ab") as file:
            file.write(msgspec.json.encode(line) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        log.info("review_audit", what=event, who=who, **facts)

    def latest(self) -> list[dict[str, Any]]:
        """The latest lines, newest first."""
        with self._path.open("rb") as file:
            lines = deque(file, maxlen=SHOWN)
        return [msgspec.json.decode(line) for line in reversed(lines) if line.endswith(b"\n")]
