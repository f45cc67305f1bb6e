"""What every contestant is given, and what it hands back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple, get_args

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.engine.workload import Workload

NumberFormat = Literal["float32", "bfloat16", "int8"]
NUMBER_FORMATS: Final[tuple[NumberFormat, ...]] = get_args(NumberFormat)


class Task(NamedTuple):
    """What is scored, by which model, on how much of the machine.

    Attributes:
        folder: the model, as transformers wrote it; float32.
        posts: what is scored.
        others: further posts of the same kind, for what has to be calibrated.
        threads: how many threads compute.
        streams: how many requests OpenVINO works on at a time.
    """

    folder: Path
    posts: Workload
    others: Workload
    threads: int
    streams: int


class Contestant(NamedTuple):
    """An engine in one number format, ready to run.

    Attributes:
        key: its name in JSON.
        name: its name for people.
        number_format: what it computes in.
        score: scores all posts of the task; the log-odds of `machine`, in order.
    """

    key: str
    name: str
    number_format: NumberFormat
    score: Callable[[], list[float]]


class NotOfferedError(Exception):
    """An engine does not run this number format here; the text says why."""
