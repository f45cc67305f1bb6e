"""Sorts what may not fit into memory: sorted runs on disk, merged.

An external merge sort (Knuth, "The Art of Computer Programming", volume 3, 5.4). What fits into one run never
touches the disk.
"""

from __future__ import annotations

import heapq
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

T = TypeVar("T", bound=Struct)
Key = tuple[int, ...]

_RUN_BYTES: Final = 48 * 2**20
# Runs that are read at a time: each holds a file open.
_FAN_IN: Final = 64


def sorted_on_disk(  # noqa: PLR0913 - what is sorted, how, and two bounds that tests make small
    items: Iterable[T],
    kind: type[T],
    key: Callable[[T], Key],
    folder: Path,
    *,
    run_bytes: int = _RUN_BYTES,
    fan_in: int = _FAN_IN,
) -> Iterator[T]:
    """The items in the order of their keys.

    Args:
        items: read once, and wholly before the first is returned.
        kind: their type; they go to the disk as JSON.
        key: orders them; no two are alike.
        folder: of its own for this sort; it need not exist.
        run_bytes: most bytes, as JSON, that are held in memory.
        fan_in: most runs that are merged at a time.
    """
    encoder = msgspec.json.Encoder()
    runs: list[Path] = []
    held: list[tuple[Key, bytes]] = []
    size = 0
    for item in items:
        line = encoder.encode(item)
        held.append((key(item), line))
        size += len(line)
        if size >= run_bytes:
            runs.append(_written(held, folder, len(runs)))
            held, size = [], 0
    decoder = msgspec.json.Decoder(kind)
    if not runs:
        held.sort()
        yield from (decoder.decode(line) for _, line in held)
        return
    runs.append(_written(held, folder, len(runs)))
    del held
    made = len(runs)
    while len(runs) > fan_in:
        first, runs = runs[:fan_in], runs[fan_in:]
        merged = folder / f"{made:06d}"
        with merged.open("wb") as file:
            for item in _merged(first, decoder, key):
                file.write(encoder.encode(item) + b"\n")
        for run in first:
            run.unlink()
        runs.append(merged)
        made += 1
    yield from _merged(runs, decoder, key)
    for run in runs:
        run.unlink()


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of so many, the last one shorter."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _written(held: list[tuple[Key, bytes]], folder: Path, number: int) -> Path:
    held.sort()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{number:06d}"
    with path.open("wb") as file:
        file.writelines(line + b"\n" for _, line in held)
    return path


def _merged(runs: Sequence[Path], decoder: msgspec.json.Decoder[T], key: Callable[[T], Key]) -> Iterator[T]:
    return heapq.merge(*(_lines(run, decoder) for run in runs), key=key)


def _lines(path: Path, decoder: msgspec.json.Decoder[T]) -> Iterator[T]:
    with path.open("rb") as file:
        for line in file:
            yield decoder.decode(line)
