"""Who takes part: each engine in each number format that it runs here, and who is left out, and why."""

from __future__ import annotations

import sys
import warnings
from contextlib import redirect_stdout
from importlib import import_module
from typing import TYPE_CHECKING, Final, NamedTuple

from benchmarks.engine.task import NotOfferedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.engine.task import Contestant, NumberFormat, Task

# What stands on the command line, and the module of `benchmarks.contestants` that it means.
ENGINES: Final = {
    "engine": "this_engine",
    "pipeline": "transformers_pipeline",
    "padded": "padded_loop",
    "openvino": "openvino_runtime",
    "onnxruntime": "onnx_runtime",
    "sentence-transformers": "cross_encoder",
}
_OURS: Final = {"benchmarks", "worker"}


class Absence(NamedTuple):
    """An engine that does not take part.

    Attributes:
        engine: its name on the command line.
        number_format: in which format.
        reason: why.
    """

    engine: str
    number_format: NumberFormat
    reason: str


def lineup(
    task: Task, engines: Sequence[str], formats: Sequence[NumberFormat]
) -> tuple[list[Contestant], list[Absence]]:
    """The contestants, format by format, and who is not among them."""
    present: list[Contestant] = []
    absent: list[Absence] = []
    for number_format in formats:
        for engine in engines:
            try:
                present += _entered(engine, task, number_format)
            except NotOfferedError as error:
                absent.append(Absence(engine, number_format, str(error)))
            except ModuleNotFoundError as error:
                package = (error.name or "").partition(".")[0]
                if package in _OURS:
                    raise
                absent.append(
                    Absence(engine, number_format, f"the package {package} is not installed (extra `bench`)")
                )
    return present, absent


def _entered(engine: str, task: Task, number_format: NumberFormat) -> list[Contestant]:
    # Converting and quantising show progress and warn of deprecations; standard output is for the results.
    with redirect_stdout(sys.stderr), warnings.catch_warnings(action="ignore"):
        module = import_module(f"benchmarks.contestants.{ENGINES[engine]}")
        return list(module.contestants(task, number_format))
