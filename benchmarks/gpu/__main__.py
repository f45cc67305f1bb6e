"""The engine on a GPU, as one JSON file and a table: `python -m benchmarks.gpu`.

It needs torch, transformers, tokenizers, msgspec and numpy, and no other package, so that it runs on a
machine's own installation. `--device cpu` runs the same on a CPU, to see that it works.
"""

from __future__ import annotations

import argparse
import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch

from benchmarks.engine.checkpoint import MOST_TOKENS, random_classifier
from benchmarks.engine.shapes import SHAPES
from benchmarks.engine.workload import LENGTHS, workload
from benchmarks.gpu.measuring import differing_bits, interleaved, matmul_rate, padded_rate, worst_difference
from benchmarks.gpu.sharing import share, shared_rates
from worker.detector.running import GPU_TOKENS, fitting_runner

if TYPE_CHECKING:
    from benchmarks.engine.workload import Lengths
    from benchmarks.gpu.measuring import MatmulRate

_MATMUL_SIZE: Final = {"cuda": 8192, "cpu": 1024}


def main() -> None:
    """Measures, prints a line a model and lengths, and writes the file."""
    arguments = _arguments()
    if arguments.share:
        share(arguments)
        return
    device = torch.device(arguments.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "cpu"
    figures: dict[str, object] = {
        "device": name,
        "cuda": torch.version.cuda,
        "dtype": arguments.dtype,
        "tokens_a_run": arguments.tokens,
        "posts": arguments.posts,
        "rounds": arguments.rounds,
        **{package: version(package) for package in ("torch", "transformers", "tokenizers")},
    }
    rate = matmul_rate(device, getattr(torch, arguments.dtype), _MATMUL_SIZE[device.type])
    figures["matmul_operations_per_s"] = rate.best
    figures["lasting_matmul_operations_per_s"] = rate.lasting
    for model in arguments.models:
        for lengths in arguments.lengths:
            found = _measured(arguments, model, lengths, rate)
            figures |= {f"{model}.{lengths}.{key}": value for key, value in found.items()}
            print(f"{model}, {lengths}: {json.dumps(found)}", flush=True)
        if arguments.processes:
            shared = shared_rates(arguments, model)
            figures |= {f"{model}.processes_{count}.posts_per_s": rate for count, rate in shared.items()}
            print(f"{model}, processes: {json.dumps(shared)}", flush=True)
    arguments.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(f"written to {arguments.out}")


def _measured(
    arguments: argparse.Namespace, model: str, lengths: Lengths, matmul: MatmulRate
) -> dict[str, object]:
    shape = SHAPES[model]
    device, dtype = torch.device(arguments.device), getattr(torch, arguments.dtype)
    posts = workload(lengths, arguments.posts, shape.vocabulary, seed=1)
    plain = random_classifier(shape).eval().to(device, dtype)
    fitted = fitting_runner(
        random_classifier(shape).eval().to(device, dtype),
        number_format=arguments.dtype,
        most_tokens=MOST_TOKENS,
        token_budget=arguments.tokens,
    )
    engine, padded = "engine", "padded"
    speeds = interleaved(
        {engine: lambda: fitted.runner.outputs(posts.ids), padded: padded_rate(plain, posts.ids)},
        arguments.rounds,
    )
    reference = random_classifier(shape).eval().to(torch.device("cpu"), torch.float32)
    per_s = speeds[engine].posts_per_s(len(posts.ids))
    operations_per_s = shape.operations(posts.lengths) / len(posts.ids) * per_s
    return {
        "way": fitted.way,
        "refused": fitted.refused,
        "posts_per_s": per_s,
        "of_matmul": operations_per_s / matmul.best,
        "of_lasting_matmul": operations_per_s / matmul.lasting,
        "over_padded": per_s / speeds[padded].posts_per_s(len(posts.ids)),
        "cpu_s_per_1000_posts": speeds[engine].cpu_s_per_1000_posts(len(posts.ids)),
        "texts_with_other_bits": differing_bits(fitted.runner, posts.ids),
        "worst_logit_difference": worst_difference(fitted.runner, reference, posts.ids),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda", help="cuda, cuda:N or cpu")
    parser.add_argument("--dtype", default="bfloat16", choices=["bfloat16", "float16", "float32"])
    parser.add_argument(
        "--models", nargs="+", default=["roberta-base", "roberta-large", "minilm"], choices=list(SHAPES)
    )
    parser.add_argument("--lengths", nargs="+", default=list(LENGTHS), choices=LENGTHS)
    parser.add_argument("--posts", type=int, default=8192)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=GPU_TOKENS, help="rows of every run")
    parser.add_argument("--processes", action="store_true", help="also several processes on the device")
    parser.add_argument("--share", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    arguments = parser.parse_args()
    if arguments.device.startswith("cuda") and not torch.cuda.is_available():
        parser.error("torch sees no CUDA device here; run it on a machine with one, or with --device cpu")
    return arguments


if __name__ == "__main__":
    main()
