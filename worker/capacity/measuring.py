"""Measures what the worker's steps cost on this machine: the real steps, on servers embedded for it.

CPU seconds are taken wherever a step computes, so that neighbours on the machine matter little; what a step
takes beyond them is waiting.
"""

from __future__ import annotations

import platform
import statistics
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from worker.capacity.fitting import fitted
from worker.cores import usable_cores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from worker.capacity.costs import Affine
    from worker.detector.protocol import Detector, Encoded
    from worker.stream.item import Item
    from worker.stream.stages import Stages

# Posts in a batch: from a quiet hour's to a full poll.
SIZES: Final = (1, 4, 16, 64, 256, 1_024)
_SPINS: Final = 200_000


class Taken(NamedTuple):
    """What a call took.

    Attributes:
        seconds: from begin to end.
        core_s: seconds of all cores together.
    """

    seconds: float
    core_s: float


def taken(call: Callable[[], object]) -> Taken:
    """What a call takes."""
    began, core_began = time.perf_counter(), time.process_time()
    call()
    core_s = time.process_time() - core_began
    return Taken(time.perf_counter() - began, core_s)


class StageCosts(NamedTuple):
    """See `worker.capacity.costs.Costs`."""

    prepare: Affine
    prepare_wait: Affine
    decide: Affine
    decide_wait: Affine


def stage_costs(stages: Stages, items: Sequence[Item]) -> StageCosts:
    """Costs of the stages without those of a detector, for which `stages` have one that costs nothing.

    Args:
        stages: as the worker has them.
        items: records that were just read; each is used once.
    """
    counts: list[int] = []
    prepared: list[Taken] = []
    decided: list[Taken] = []
    at = 0
    # The first round does not count.
    for number in range(_rounds(len(items))):
        for size in SIZES:
            batch = items[at : at + size]
            at += size
            prepare = taken(lambda batch=batch: stages.prepare(batch))  # type: ignore[misc]  # bound at once
            stages.score(batch)
            decide = taken(lambda batch=batch: stages.decide(batch))  # type: ignore[misc]  # as above
            if number:
                counts.append(size)
                prepared.append(prepare)
                decided.append(decide)
    return StageCosts(
        *_computed_and_waited(counts, prepared),
        *_computed_and_waited(counts, decided),
    )


def _rounds(items: int) -> int:
    return max(2, items // sum(SIZES))


def _computed_and_waited(counts: Sequence[int], found: Sequence[Taken]) -> tuple[Affine, Affine]:
    sizes = sorted(set(counts))
    core, wait = [], []
    for size in sizes:
        mine = [one for count, one in zip(counts, found, strict=True) if count == size]
        core.append(statistics.median(one.core_s for one in mine))
        wait.append(statistics.median(max(0.0, one.seconds - one.core_s) for one in mine))
    return fitted(sizes, core), fitted(sizes, wait)


class DetectorCosts(NamedTuple):
    """See `worker.capacity.costs.Costs`."""

    encode: float
    score: Affine
    score_alone: Affine
    score_cores: float
    score_in_python: float


def detector_costs(detector: Detector, texts: Sequence[str], budget: int, seconds: float) -> DetectorCosts:
    """Costs of a detector by tokens.

    Args:
        detector: what is measured.
        texts: canonical texts; enough for a batch of `budget` tokens.
        budget: tokens of a full batch.
        seconds: about how long the model is run.
    """
    encoded = detector.encode(texts)
    encode = taken(lambda: detector.encode(texts)).core_s / sum(one.tokens for one in encoded)
    batches = [_within(encoded, budget // part) for part in (64, 16, 4, 1)]
    detector.logits(batches[-1])
    found: list[list[Taken]] = [[] for _ in batches]
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or not found[-1]:
        for batch, of_batch in zip(batches, found, strict=True):
            of_batch.append(taken(lambda batch=batch: detector.logits(batch)))  # type: ignore[misc]  # bound at once
    tokens = [sum(one.tokens for one in batch) for batch in batches]
    core = fitted(tokens, [statistics.median(one.core_s for one in mine) for mine in found])
    alone = fitted(tokens, [statistics.median(one.seconds for one in mine) for mine in found])
    cores = statistics.median(one.core_s / one.seconds for one in found[-1])
    held = _in_python(lambda: detector.logits(batches[-1]))
    return DetectorCosts(encode, core, alone, min(max(1.0, cores), usable_cores()), held)


def _within(encoded: Sequence[Encoded], budget: int) -> list[Encoded]:
    batch: list[Encoded] = []
    tokens = 0
    for one in encoded:
        tokens += one.tokens
        if batch and tokens > budget:
            break
        batch.append(one)
    return batch


def _in_python(call: Callable[[], object]) -> float:
    """The share of a call that holds the interpreter lock, by how much a counting thread is slowed beside it.

    If it holds the lock for a share h of the time that it takes alone, then beside a thread that always
    wants the lock it takes 1 + h of that time, and the other thread gets 1 / (1 + h) of a core.
    """
    alone = _counted(lambda: time.sleep(0.3))
    beside = statistics.median(_counted(call) for _ in range(5))
    return min(1.0, max(0.0, alone / max(beside, 1.0) - 1))


def _counted(call: Callable[[], object]) -> float:
    """Turns a second of a counting thread while a call lasts."""
    with counting() as counted:
        began, before = time.perf_counter(), counted[0]
        call()
        return (counted[0] - before) / (time.perf_counter() - began)


@contextmanager
def counting() -> Iterator[list[int]]:
    """A thread that does nothing but Python; what it has counted so far."""
    counted, stop = [0], threading.Event()

    def count() -> None:
        while not stop.is_set():
            counted[0] += 1

    thread = threading.Thread(target=count, daemon=True)
    thread.start()
    try:
        yield counted
    finally:
        stop.set()
        thread.join()


def switches(alone: float, core_s: float, beside: float) -> float:
    """How often a step asks for the interpreter lock.

    Args:
        alone: seconds that it takes by itself.
        core_s: of these, seconds of Python.
        beside: seconds that it takes beside a thread that always wants the lock. Python then has half a
            core, and each time that the step comes back from waiting it waits for the lock, too.
    """
    return max(0.0, (beside - alone - core_s) / sys.getswitchinterval())


def machine() -> str:
    """This machine in words."""
    return f"{usable_cores()} cores, {platform.machine()}, Python {platform.python_version()}"
