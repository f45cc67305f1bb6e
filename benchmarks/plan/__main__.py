"""The plan's simulation beside a measured worker: `python -m benchmarks.plan`.

In each round the costs of the worker's steps are measured, a worker reads a backlog, and another one gets
posts at a share of that rate; then the same is simulated with these costs. Latency is from a post's append to
its topic until a reader of committed records has its flag.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.contestants.planned_worker import FREE
from benchmarks.engine.checkpoint import write_checkpoint
from benchmarks.engine.counts import count
from benchmarks.engine.machine import machine
from benchmarks.engine.shapes import SHAPES
from benchmarks.engine.spread import Spread
from benchmarks.plan.cores import WORKER
from benchmarks.plan.round import Case, measured, simulated
from worker.detector.loading import DEFAULT_FOLDER

if TYPE_CHECKING:
    from collections.abc import Sequence

_POSTS: Final = {FREE: 300_000, "default": 60_000, "minilm": 6_000, "tiny": 6_000}


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table, or flat JSON."""
    options = _options(arguments)
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        for model in options.models:
            case = Case(model, _folder(model, Path(folder)), options.posts or _POSTS[model], options.seconds)
            rounds = []
            for number in range(options.rounds):
                truth = measured(case, options.load, seed=number)
                found = simulated(case, truth, seed=number)
                print(
                    f"{model}, round {number + 1}: measured {truth.said}; simulated {found.said}",
                    file=sys.stderr,
                )
                rounds.append((truth, found))
            for name in ("posts_per_s", "p50_ms", "p99_ms"):
                ratios = Spread.of(getattr(found, name) / getattr(truth, name) for truth, found in rounds)
                figures |= ratios.flat(f"plan.{model}.{name}")
                if not options.json:
                    truths = Spread.of(getattr(truth, name) for truth, _ in rounds)
                    print(
                        f"{model:10} {name:12} measured {truths.median:10.1f}   simulated/measured {ratios}"
                    )
    if options.json:
        print(json.dumps(figures | machine() | {"load": options.load, "rounds": options.rounds}))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plan", description=__doc__)
    parser.add_argument("--models", nargs="+", choices=list(_POSTS), default=[FREE, "default", "minilm"])
    parser.add_argument("--load", type=float, default=0.5, help="share of the rate with a backlog")
    parser.add_argument("--posts", type=count, help="of the backlog")
    parser.add_argument("--seconds", type=count, default=20, help="for which posts come at that share")
    parser.add_argument("--rounds", type=count, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    if not 0 < options.load < 1:
        parser.error("--load is a share between 0 and 1")
    if not WORKER:
        parser.error("the worker needs cores to itself: run it on Linux, with two cores or more")
    return options


def _folder(model: str, root: Path) -> str:
    if model == FREE:
        return FREE
    if model == "default":
        return str(DEFAULT_FOLDER)
    folder = root / model
    folder.mkdir()
    write_checkpoint(folder, SHAPES[model])
    return str(folder)


if __name__ == "__main__":
    main()
