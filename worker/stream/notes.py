"""What is about to be read by native code, noted where it outlives the process.

A post can kill the process that reads it: a crash in native code, the kernel's out-of-memory killer. So
before posts are tokenised or scored their places are written down, and struck out after. Whoever gets the
same posts next finds the note of the dead process and scores them in a child process instead, one by one.
A note stands in the data directory (a restart on the same machine) and in Redis (another machine).
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import msgspec
import structlog

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from worker.redis_link import RedisLink
    from worker.stream.slot import Slot

log = structlog.get_logger(__name__)

NotedStage = Literal["encode", "score"]
_STAGES: Final[tuple[NotedStage, ...]] = ("encode", "score")
# A note in Redis does not tell whether its writer lives. One this old was left behind.
_MAX_AGE_S: Final = 3600


class Place(NamedTuple):
    """Where a post stands."""

    topic: str
    partition: int
    offset: int


class _Note(msgspec.Struct, frozen=True):
    at: float
    places: list[tuple[str, int, int]]


class Notes:
    """The notes of this process, and those that dead ones left."""

    def __init__(self, slot: Slot, writer: str, *, link: RedisLink | None, key: str) -> None:
        """Opens this process's notes.

        Args:
            slot: the process's slot; its earlier notes are read by `left_behind` before they are overwritten.
            writer: this worker's name, unlike any other's.
            link: Redis, or None.
            key: the hash in Redis that all workers of a group share.
        """
        self._slot, self._writer, self._link, self._key = slot, writer, link, key
        self._inherited = _places(self._read(slot.number))
        self._files = {
            stage: os.open(self._path(slot.number, stage), os.O_RDWR | os.O_CREAT, 0o644) for stage in _STAGES
        }

    def _path(self, number: int, stage: NotedStage) -> Path:
        return self._slot.folder / f"{number}.{stage}"

    def write(self, stage: NotedStage, places: Iterable[Place]) -> None:
        """Notes what is about to go through a stage."""
        line = msgspec.json.encode(_Note(time.time(), list(places)))
        os.pwrite(self._files[stage], line + b"\n", 0)
        if self._link is not None:
            self._link.call("notes", lambda redis: redis.hset(self._key, f"{self._writer}:{stage}", line))

    def strike(self, stage: NotedStage) -> None:
        """What was noted went through."""
        os.pwrite(self._files[stage], b"\n", 0)
        if self._link is not None:
            self._link.call("notes", lambda redis: redis.hdel(self._key, f"{self._writer}:{stage}"))

    def left_behind(self) -> set[Place]:
        """What was noted by processes that ended since, and by workers elsewhere that may have."""
        lines = [
            line
            for number in self._slot.abandoned()
            if number != self._slot.number
            for line in self._read(number)
        ]
        shared = self._link.call("notes", lambda redis: redis.hgetall(self._key)) if self._link else None
        mine = f"{self._writer}:".encode()
        for writer, line in (shared or {}).items():
            if isinstance(writer, bytes) and isinstance(line, bytes) and not writer.startswith(mine):
                lines.append(line)
        return self._inherited | _places(lines)

    def _read(self, number: int) -> list[bytes]:
        lines = []
        for stage in _STAGES:
            path = self._path(number, stage)
            if path.exists():
                lines.append(path.read_bytes().split(b"\n", 1)[0])
        return lines

    def close(self) -> None:
        """Closes the files."""
        for file in self._files.values():
            os.close(file)


def _places(lines: Iterable[bytes]) -> set[Place]:
    noted: set[Place] = set()
    for line in lines:
        if not line:
            continue
        try:
            note = msgspec.json.decode(line, type=_Note)
        except msgspec.DecodeError:
            log.warning("note_unreadable")
            continue
        if time.time() - note.at < _MAX_AGE_S:
            noted |= {Place(*place) for place in note.places}
    return noted
