"""The parts that scoring leaves on disk: each holds the scored posts of a stretch of one partition.

A part is written whole or not at all, so a replay that was killed goes on behind its last one. Its lines are
posts with their scores, in the order of offsets; the last line tells what else lay in the stretch.
"""

from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from worker.errors import FlagstaffError
from worker.records import Post

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker.replay.reading import Read

SUFFIX: Final = ".jsonl"
START_CHAIN: Final = "0" * 64
_ENCODER: Final = msgspec.json.Encoder()


class Score(Struct, frozen=True, array_like=True):
    """What one detector said of a text: logit before calibration, tokens seen, whether the text went on."""

    logit: float
    tokens: int
    truncated: bool


class Scored(Struct, array_like=True):
    """A post with the word of each detector: a score, or why there is none."""

    offset: int
    timestamp: int
    post: Post
    scores: tuple[Score | str, ...]


class Gap(Struct, frozen=True, array_like=True):
    """Offsets without a record, both ends included; `expired`: they were deleted while being read."""

    first: int
    last: int
    expired: bool = False


class Trailer(Struct, kw_only=True):
    """What lay between two offsets.

    Attributes:
        first: the first offset.
        next: the offset after the last.
        warm_records: records before the range, which only build the signal state.
        records: records of the range.
        tombstones: those of the range that have no value.
        broken: those of the range that are no post, by reason.
        gaps: offsets that hold no record.
        earliest: the least timestamp of the range's records, in milliseconds since 1970; None: there is none.
        chain: SHA-256 over the chain before and each record in turn, in hexadecimal digits.
    """

    first: int
    next: int
    warm_records: int = 0
    records: int = 0
    tombstones: int = 0
    broken: dict[str, int] = {}
    gaps: list[Gap] = []
    earliest: int | None = None
    chain: str


_SCORED: Final = msgspec.json.Decoder(Scored)
_TRAILER: Final = msgspec.json.Decoder(Trailer)


def chained(chain: str, record: Read) -> str:
    """The chain with one record more."""
    head = _ENCODER.encode((record.offset, record.timestamp, record.key is None, record.value is None))
    key, value = record.key or b"", record.value or b""
    return sha256(b"%s%s%d:%s%s" % (chain.encode(), head, len(key), key, value)).hexdigest()


def folder_of(parts: Path, partition: int) -> Path:
    """Where a partition's parts are."""
    return parts / f"partition-{partition:05d}"


def write_part(folder: Path, lines: list[bytes], trailer: Trailer) -> None:
    """Writes a part, whole or not at all."""
    path = folder / f"{trailer.first:020d}-{trailer.next:020d}{SUFFIX}"
    own = path.with_suffix(f".{os.getpid()}")
    with own.open("wb") as file:
        file.writelines(line + b"\n" for line in lines)
        file.write(_ENCODER.encode(trailer) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    own.replace(path)


def extent_of(path: Path) -> tuple[int, int]:
    """First and next offset of a part, as its name tells them."""
    first, _, following = path.stem.partition("-")
    return int(first), int(following)


def kept_parts(folder: Path, start: int) -> tuple[int, str]:
    """Where a partition is to be gone on with, and the chain up to there; what does not fit is removed.

    Args:
        folder: the partition's parts.
        start: the first offset of all.
    """
    at, last = start, None
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.suffix != SUFFIX or extent_of(path)[0] != at:
            path.unlink()
            continue
        last, at = path, extent_of(path)[1]
    if last is None:
        return start, START_CHAIN
    trailer = _trailer(last)
    if trailer is None:
        last.unlink()
        return kept_parts(folder, start)
    return at, trailer.chain


def paths_of(parts: Path, partition: int) -> list[Path]:
    """A partition's parts, in the order of offsets."""
    return sorted(folder_of(parts, partition).glob(f"*{SUFFIX}"))


def passed(parts: Path, partition: int) -> int:
    """How many offsets of a partition are in its parts by now."""
    return sum(following - first for first, following in map(extent_of, paths_of(parts, partition)))


def scored_posts(paths: list[Path]) -> Iterator[Scored]:
    """The posts of parts, in order.

    Raises:
        FlagstaffError: a part was cut off.
    """
    for path in paths:
        ended = False
        with path.open("rb") as file:
            for line in file:
                if line.startswith(b"{"):
                    ended = line.endswith(b"\n")
                    break
                try:
                    yield _SCORED.decode(line)
                except msgspec.DecodeError:
                    break
        if not ended:
            raise _cut(path)


def trailers(paths: list[Path]) -> Iterator[Trailer]:
    """What the last lines of parts tell.

    Raises:
        FlagstaffError: a part was cut off.
    """
    for path in paths:
        trailer = _trailer(path)
        if trailer is None:
            raise _cut(path)
        yield trailer


def _trailer(path: Path) -> Trailer | None:
    size, block = path.stat().st_size, 4096
    with path.open("rb") as file:
        while True:
            file.seek(max(0, size - block))
            lines = file.read().split(b"\n")
            if len(lines) > 2 or block >= size:  # noqa: PLR2004 - a whole line between two others, or all there is
                break
            block *= 8
    if lines[-1] or len(lines) < 2:  # noqa: PLR2004 - as above
        return None
    try:
        return _TRAILER.decode(lines[-2])
    except msgspec.DecodeError:
        return None


def _cut(path: Path) -> FlagstaffError:
    return FlagstaffError(f"replay: {path} was cut off; remove it and run the same command again")
