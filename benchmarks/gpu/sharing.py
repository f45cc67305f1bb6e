"""How many processes one device takes before it gets no faster."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

import torch

from benchmarks.engine.checkpoint import MOST_TOKENS, random_classifier
from benchmarks.engine.shapes import SHAPES
from benchmarks.engine.workload import workload
from worker.detector.running import fitting_runner

if TYPE_CHECKING:
    from argparse import Namespace

_READY: Final = "ready"


def shared_rates(arguments: Namespace, model: str, counts: tuple[int, ...] = (1, 2, 4)) -> dict[int, float]:
    """Posts a second of so many processes together, each with a model of its own on the same device."""
    return {count: _together(arguments, model, count) for count in counts}


def _together(arguments: Namespace, model: str, count: int) -> float:
    command = [
        *(sys.executable, "-m", "benchmarks.gpu", "--share", "--models", model),
        *("--device", arguments.device, "--dtype", arguments.dtype),
        *("--posts", str(arguments.posts), "--tokens", str(arguments.tokens)),
    ]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    try:
        for process in processes:
            assert process.stdout is not None  # noqa: S101 - it was opened as a pipe
            if process.stdout.readline().strip() != _READY:
                raise RuntimeError("a process that shares the device did not start")
        for process in processes:
            assert process.stdin is not None  # noqa: S101 - it was opened as a pipe
            process.stdin.write("go\n")
            process.stdin.flush()
        spans = [json.loads(process.communicate()[0]) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    lasted: float = max(end for _, end in spans) - min(begin for begin, _ in spans)
    posts: int = count * arguments.posts
    return posts / lasted


def share(arguments: Namespace) -> None:
    """One of the processes: says that it is ready, waits, scores, and prints when it began and ended."""
    shape = SHAPES[arguments.models[0]]
    device = torch.device(arguments.device)
    model = random_classifier(shape).eval().to(device, getattr(torch, arguments.dtype))
    posts = workload("lognormal", arguments.posts, shape.vocabulary, seed=1)
    runner = fitting_runner(
        model, number_format=arguments.dtype, most_tokens=MOST_TOKENS, token_budget=arguments.tokens
    ).runner
    runner.outputs(posts.ids)
    print(_READY, flush=True)
    sys.stdin.readline()
    began = time.monotonic()
    runner.outputs(posts.ids)
    print(json.dumps([began, time.monotonic()]))
