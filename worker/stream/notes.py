"""What is about to be read by native code, noted where it outlives the process.

A post can kill the process that reads it: a crash in native code, the kernel's out-of-memory killer. So
before posts are tokenised or scored their places are written down, and struck out after. Whoever gets the
same posts next finds the note of the dead process and scores them in a child process instead, one by one.
A note stands in the data directory (a restart on the same machine) and in Redis (another machine, or a
container that lost its files).

What a dead process left is kept beside the notes of its heir, as suspects: the heir may die of another post
before the first one's dead letter is committed, and would otherwise forget one over the other, in turns.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final, Literal

import msgspec
import structlog

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from worker.redis_link import RedisLink
    from worker.stream.slot import Slot

log = structlog.get_logger(__name__)

# Where a post stands: topic, partition, offset. A plain tuple, since one is made for every post.
Place = tuple[str, int, int]
NotedStage = Literal["encode", "score", "shadow"]
_STAGES: Final[tuple[NotedStage, ...]] = ("encode", "score", "shadow")
_SUSPECTS: Final = "suspects"
# A note in Redis does not tell whether its writer lives. One this old was left behind.
_MAX_AGE_S: Final = 3600


class _Note(msgspec.Struct, frozen=True):
    at: float
    places: list[Place]


class Notes:
    """The notes of this process, and those that dead ones left."""

    def __init__(self, slot: Slot, writer: str, *, link: RedisLink | None, key: str) -> None:
        """Opens this process's notes.

        Args:
            slot: the process's slot, whose earlier notes become suspects.
            writer: this worker's name, unlike any living one's; what a dead one of that name left becomes
                suspects, too.
            link: Redis, or None.
            key: the hash in Redis that all workers of a group share.
        """
        self._slot, self._writer, self._link, self._key = slot, writer, link, key
        self._keep([line for line, _ in _young(self._inherited())])
        self._files = {
            stage: os.open(self._path(slot.number, stage), os.O_RDWR | os.O_CREAT, 0o644) for stage in _STAGES
        }

    def _path(self, number: int, kind: str) -> Path:
        return self._slot.folder / f"{number}.{kind}"

    def _inherited(self) -> list[bytes]:
        """What the dead process left whose slot or name this is, its own suspects included."""
        lines = self._read(self._slot.number)
        suspects = self._path(self._slot.number, _SUSPECTS)
        if suspects.exists():
            lines += suspects.read_bytes().splitlines()
        lines += self._shared(mine=True)
        return list(dict.fromkeys(lines))

    def _keep(self, suspects: Sequence[bytes]) -> None:
        """Puts them where every process finds them, before the next note replaces the one they came from."""
        path = self._path(self._slot.number, _SUSPECTS)
        value = b"\n".join(suspects)
        new = path.with_suffix(".new")
        new.write_bytes(value)
        new.replace(path)
        if self._link is not None and value:
            name = f"{self._writer}:{_SUSPECTS}"
            self._link.call("notes", lambda redis: redis.hset(self._key, name, value))

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
        """The suspects: what was noted by processes that ended, and by workers elsewhere that may have."""
        lines = self._shared(mine=False)
        for number in self._slot.abandoned():
            if number != self._slot.number:
                lines += self._read(number)
        for path in self._slot.folder.glob(f"*.{_SUSPECTS}"):
            lines += path.read_bytes().splitlines()
        return {place for _, note in _young(lines) for place in note.places}

    def _shared(self, *, mine: bool) -> list[bytes]:
        """The notes in Redis: those under this worker's name, or all others."""
        found = self._link.call("notes", lambda redis: redis.hgetall(self._key)) if self._link else None
        name = f"{self._writer}:".encode()
        return [
            line
            for writer, value in (found or {}).items()
            if isinstance(writer, bytes) and isinstance(value, bytes) and writer.startswith(name) == mine
            for line in value.splitlines()
        ]

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


def _young(lines: Iterable[bytes]) -> Iterator[tuple[bytes, _Note]]:
    """The lines that hold a note which is not too old, each with its note."""
    for line in lines:
        if not line:
            continue
        try:
            note = msgspec.json.decode(line, type=_Note)
        except msgspec.DecodeError:
            log.warning("note_unreadable")
            continue
        if time.time() - note.at < _MAX_AGE_S:
            yield line, note
