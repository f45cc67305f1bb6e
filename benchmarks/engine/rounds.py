"""Runs all contestants one after another, round after round, so that a slow minute hits them all."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from benchmarks.contestants.this_engine import reference_logits
from benchmarks.engine.matmul import Ceiling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.engine.shapes import Shape
    from benchmarks.engine.task import Contestant, NumberFormat, Task

# Two float32 engines that add up in another order differ by far less, two models by far more.
_TOLERANCE: Final = 2e-3


class Row(NamedTuple):
    """What one contestant did.

    Attributes:
        contestant: who.
        seconds: what all posts took it, by round.
        worst_difference: largest absolute difference of a logit to this engine's in float32.
    """

    contestant: Contestant
    seconds: tuple[float, ...]
    worst_difference: float


class Measured(NamedTuple):
    """What the rounds gave.

    Attributes:
        rows: one a contestant.
        ceilings: operations a second of a bare matrix multiply, by number format, by round.
        spread_of_logits: standard deviation of the posts' logits, to read the differences by.
    """

    rows: tuple[Row, ...]
    ceilings: dict[NumberFormat, tuple[float, ...]]
    spread_of_logits: float


def measure(task: Task, shape: Shape, contestants: Sequence[Contestant], rounds: int) -> Measured:
    """One round to warm up, in which answers are compared, then `rounds` that count.

    Raises:
        ValueError: an engine's float32 answers are not those of this one, so it does other work.
    """
    reference = reference_logits(task)
    differences = [_worst_difference(contestant, reference) for contestant in contestants]
    formats = list(dict.fromkeys(contestant.number_format for contestant in contestants))
    ceilings = {number_format: Ceiling(shape, number_format, task.threads) for number_format in formats}
    seconds: list[list[float]] = [[] for _ in contestants]
    rates: dict[NumberFormat, list[float]] = {number_format: [] for number_format in formats}
    for number in range(rounds):
        for number_format, ceiling in ceilings.items():
            rates[number_format].append(ceiling.rate())
        # Every other round the other way round: what one leaves behind in a cache falls to another.
        for place in range(len(contestants))[:: -1 if number % 2 else 1]:
            began = time.perf_counter()
            contestants[place].score()
            seconds[place].append(time.perf_counter() - began)
        print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    rows = zip(contestants, seconds, differences, strict=True)
    return Measured(
        tuple(Row(contestant, tuple(taken), difference) for contestant, taken, difference in rows),
        {number_format: tuple(found) for number_format, found in rates.items()},
        _deviation(reference),
    )


def _worst_difference(contestant: Contestant, reference: Sequence[float]) -> float:
    print(f"warming up: {contestant.name}, {contestant.number_format}", file=sys.stderr, flush=True)
    logits = contestant.score()
    worst = max(abs(one - other) for one, other in zip(logits, reference, strict=True))
    # Written so that NaN fails too.
    if contestant.number_format == "float32" and not worst <= _TOLERANCE:
        raise ValueError(
            f"{contestant.name} is off by {worst:.3g} in float32: it does not run the same model"
        )
    return worst


def _deviation(logits: Sequence[float]) -> float:
    mean = sum(logits) / len(logits)
    return float((sum((logit - mean) ** 2 for logit in logits) / len(logits)) ** 0.5)
