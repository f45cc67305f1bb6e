"""This project's engine: all posts in one call, already tokenised."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from benchmarks.engine.task import Contestant, NotOfferedError
from worker.cores import THREADS_VARIABLE
from worker.detector.loading import load_detector
from worker.errors import FlagstaffError
from worker.settings import DetectorSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.engine.task import NumberFormat, Task


def contestants(task: Task, number_format: NumberFormat) -> Iterator[Contestant]:
    """The engine.

    Raises:
        NotOfferedError: it does not run the format here.
    """
    yield Contestant("engine", "this engine", number_format, _engine(task, number_format))


def reference_logits(task: Task) -> list[float]:
    """What the engine says of the posts in float32."""
    return _engine(task, "float32")()


def _engine(task: Task, number_format: NumberFormat) -> Callable[[], list[float]]:
    # It asks the environment how much of the machine it may use.
    os.environ[THREADS_VARIABLE] = str(task.threads)
    try:
        detector = load_detector(DetectorSettings(model=str(task.folder), dtype=number_format, device="cpu"))
    except FlagstaffError as error:
        raise NotOfferedError(str(error)) from error
    encoded = detector.encode(task.posts.texts)
    if [one.tokens for one in encoded] != task.posts.lengths:
        raise RuntimeError("the engine's tokens are not those of its peers")
    return lambda: detector.logits(encoded)
