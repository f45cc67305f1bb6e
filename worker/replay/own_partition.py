"""What signals read from the earlier offsets of a post's own partition alone: the least a worker has had.

Only asked for posts whose signals read otherwise than published. It takes a second pass over the posts, in
the order of offsets, with a signal state for each partition; of the posts only those are noted that such a
post may read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from zlib import crc32

from msgspec import Struct

from worker.replay.ahead import ahead
from worker.replay.disk_sort import batches
from worker.replay.joining import event_order, joined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from worker.candidate import Candidate
    from worker.replay.joining import Joined
    from worker.replay.parts import Scored
    from worker.replay.plan import Range
    from worker.replay.variants import Bench

    _Ready = tuple[Joined, Candidate]

_BATCH: Final = 500
_SIEVE_BYTES: Final = 16 * 2**20
_SIEVE_BITS: Final = _SIEVE_BYTES * 8


class Asked(Struct, array_like=True):
    """A post whose readings are asked for."""

    partition: int
    offset: int


class OwnReading(Struct, array_like=True):
    """What the signals of a post read, with its place in the order of event time."""

    order: tuple[int, int, int, int]
    values: dict[str, float | None]


class Sieve:
    """Keys of the signals' state: those that were put in are always found, others seldom.

    A Bloom filter (Bloom 1970) with one hash, of a size that does not grow. A post that is noted without need
    changes no reading that is asked for.
    """

    def __init__(self) -> None:
        self._bits = bytearray(_SIEVE_BYTES)

    def add(self, keys: Iterable[str]) -> None:
        """Puts keys in."""
        for key in keys:
            bit = crc32(key.encode()) % _SIEVE_BITS
            self._bits[bit >> 3] |= 1 << (bit & 7)

    def holds(self, keys: Iterable[str]) -> bool:
        """Whether one of the keys may be in."""
        for key in keys:
            bit = crc32(key.encode()) % _SIEVE_BITS
            if self._bits[bit >> 3] >> (bit & 7) & 1:
                return True
        return False


def own_readings(
    ranges: Iterable[Range],
    posts_of: Callable[[Range], Iterable[Scored]],
    bench_of: Callable[[Range], Bench],
    asked: Iterator[Asked],
    sieve: Sieve,
) -> Iterator[OwnReading]:
    """The readings that are asked for.

    Args:
        ranges: all partitions, in ascending order.
        posts_of: a partition's posts, in the order of offsets.
        bench_of: reads a partition's posts with a state of its own.
        asked: which posts, in the order of places.
        sieve: holds the keys of their state; posts with none of these are passed over.
    """
    wanted = next(asked, None)
    for range_ in ranges:
        if wanted is None:
            return
        if wanted.partition != range_.partition:
            continue
        bench = bench_of(range_)
        posts = (joined(scored, range_) for scored in posts_of(range_))
        for batch in _ascending(ahead(_sieved(posts, bench, sieve))):
            readings = bench.read([candidate for _, candidate in batch])
            for (one, _), values in zip(batch, readings, strict=True):
                if wanted is None or (wanted.partition, wanted.offset) != (one.partition, one.offset):
                    continue
                order = (one.at, one.name, one.partition, one.offset)
                yield OwnReading(order, bench.named(values))
                wanted = next(asked, None)
            if wanted is None or wanted.partition != range_.partition:
                break


def _sieved(posts: Iterable[Joined], bench: Bench, sieve: Sieve) -> Iterator[list[_Ready]]:
    """The posts that share a key with those that are asked for."""
    for some in batches(posts, _BATCH):
        candidates = bench.candidates(some)
        keys = bench.keys(candidates)
        yield [
            (one, candidate)
            for one, candidate, own in zip(some, candidates, keys, strict=True)
            if sieve.holds(own)
        ]


def _ascending(ready: Iterable[list[_Ready]]) -> Iterator[list[_Ready]]:
    """Batches in which event time ascends: in any other, posts would see a late one that came after them."""
    batch: list[_Ready] = []
    for some in ready:
        for one in some:
            if batch and (len(batch) == _BATCH or event_order(one[0]) < event_order(batch[-1][0])):
                yield batch
                batch = []
            batch.append(one)
    if batch:
        yield batch
