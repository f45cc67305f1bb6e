"""Runs the engine beside its peers and prints the table; `--help` says what can be chosen."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.engine import __doc__ as description
from benchmarks.engine.checkpoint import write_checkpoint
from benchmarks.engine.counts import count
from benchmarks.engine.figures import contract, flat, lines
from benchmarks.engine.lineup import ENGINES, lineup
from benchmarks.engine.machine import has_native_bfloat16, machine
from benchmarks.engine.rounds import measure
from benchmarks.engine.shapes import SHAPES
from benchmarks.engine.table import render
from benchmarks.engine.task import NUMBER_FORMATS, Task
from benchmarks.engine.workload import LENGTHS, workload
from worker.logs import configure_logs
from worker.settings import LogSettings

if TYPE_CHECKING:
    from benchmarks.engine.task import NumberFormat

_SEED, _CALIBRATION_SEED = 1, 2
_CALIBRATION_POSTS: Final = 128


def main(arguments: list[str] | None = None) -> None:
    """Prints the table, or writes everything as flat JSON."""
    options = _options(arguments)
    configure_logs(LogSettings(level="error"))
    formats, left_out = _formats(options.dtype)
    shape = SHAPES[options.model]
    posts = workload(options.lengths, options.posts, shape.vocabulary, _SEED)
    others = workload(
        options.lengths, min(options.posts, _CALIBRATION_POSTS), shape.vocabulary, _CALIBRATION_SEED
    )
    with tempfile.TemporaryDirectory() as folder:
        write_checkpoint(Path(folder), shape)
        task = Task(Path(folder), posts, others, options.threads, options.streams)
        present, absent = lineup(task, options.engines, formats)
        left_out += [f"{one.engine}, {one.number_format}, is left out: {one.reason}" for one in absent]
        for line in left_out:
            print(line, file=sys.stderr, flush=True)
        if not present:
            sys.exit("none of the engines asked for is here")
        measured = measure(task, shape, present, options.rounds)
    found = lines(measured, options.posts, shape.operations(posts.lengths))
    conditions = {
        "model": options.model,
        "lengths": options.lengths,
        "posts": options.posts,
        "tokens": sum(posts.lengths),
        "rounds": options.rounds,
        "threads": options.threads,
    }
    if options.json is not None:
        figures = contract(found, absent, formats) | flat(found) | machine() | conditions
        if options.json == "-":
            print(json.dumps(figures))
        else:
            Path(options.json).write_text(json.dumps(figures) + "\n", encoding="utf-8")
    if options.json != "-":
        print(", ".join(f"{name} {value}" for name, value in conditions.items()), machine()["machine.cpu"])
        print(render(found))
        print(
            f"standard deviation of the logits, to read the last column by: {measured.spread_of_logits:.2g}"
        )


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine", description=description)
    parser.add_argument(
        "--model", choices=SHAPES, default="roberta-base", help="whose sizes (default: %(default)s)"
    )
    parser.add_argument(
        "--lengths", choices=LENGTHS, default="lognormal", help="of the posts (default: %(default)s)"
    )
    parser.add_argument(
        "--dtype", nargs="+", choices=NUMBER_FORMATS,
        help="number formats (default: all; bfloat16 only where the CPU has it)",
    )  # fmt: skip
    parser.add_argument(
        "--engines", nargs="+", choices=ENGINES, default=list(ENGINES), help="who takes part (default: all)"
    )
    parser.add_argument("--posts", type=count, default=128, help="in a round (default: %(default)s)")
    parser.add_argument("--rounds", type=count, default=5, help="that count (default: %(default)s)")
    parser.add_argument(
        "--threads", type=count, default=os.cpu_count() or 1, help="that compute (default: all cores)"
    )
    parser.add_argument(
        "--streams", type=count, default=2, help="requests at a time of OpenVINO (default: %(default)s)"
    )
    parser.add_argument("--json", metavar="FILE", help="also write flat JSON; - for standard output alone")
    return parser.parse_args(arguments)


def _formats(asked: list[NumberFormat] | None) -> tuple[list[NumberFormat], list[str]]:
    """The number formats, and a line about the one that is left out."""
    if asked is not None:
        return list(dict.fromkeys(asked)), []
    if has_native_bfloat16():
        return list(NUMBER_FORMATS), []
    line = "bfloat16 is left out: this CPU has none of its own, and the rows would time its emulation"
    return [one for one in NUMBER_FORMATS if one != "bfloat16"], [line]


if __name__ == "__main__":
    main()
