"""What signals read from the earlier offsets of a post's own partition alone: the least a worker has had.

Only asked for posts whose signals read otherwise than published. It takes a second pass over the posts, in
the order of offsets, with a signal state for each partition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from worker.replay.joining import event_order, joined
from worker.replay.variants import flag_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from worker.replay.joining import Joined
    from worker.replay.parts import Scored
    from worker.replay.plan import Range
    from worker.replay.variants import Bench

_BATCH: Final = 500


class Asked(Struct, array_like=True):
    """A post whose readings are asked for."""

    partition: int
    offset: int


class OwnReading(Struct, array_like=True):
    """What the signals of a post read, with its place in the order of event time."""

    order: tuple[int, int, int, int]
    values: dict[str, float | None]


def own_readings(
    ranges: Iterable[Range],
    posts_of: Callable[[Range], Iterable[Scored]],
    bench_of: Callable[[Range], Bench],
    asked: Iterator[Asked],
) -> Iterator[OwnReading]:
    """The readings that are asked for.

    Args:
        ranges: all partitions, in ascending order.
        posts_of: a partition's posts, in the order of offsets.
        bench_of: decides a partition's posts with a state of its own.
        asked: which posts, in the order of places.
    """
    wanted = next(asked, None)
    for range_ in ranges:
        if wanted is None:
            return
        if wanted.partition != range_.partition:
            continue
        bench = bench_of(range_)
        for batch in _ascending(joined(scored, range_) for scored in posts_of(range_)):
            outcomes = bench.decide(bench.candidates(batch))
            for one, outcome in zip(batch, outcomes, strict=True):
                if wanted is None or (wanted.partition, wanted.offset) != (one.partition, one.offset):
                    continue
                flag = flag_of(outcome)
                values = {} if flag is None else {signal.name: signal.value for signal in flag.signals}
                yield OwnReading((one.at, one.name, one.partition, one.offset), values)
                wanted = next(asked, None)
            if wanted is None or wanted.partition != range_.partition:
                break


def _ascending(posts: Iterable[Joined]) -> Iterator[list[Joined]]:
    """Batches in which event time ascends: a batch is noted before it is read, and would see late posts."""
    batch: list[Joined] = []
    for one in posts:
        if batch and (len(batch) == _BATCH or event_order(one) < event_order(batch[-1])):
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch
