"""How much of the engine's speed the whole worker keeps: `python -m benchmarks.engine.stream`.

The worker reads posts from an embedded Kafka and commits its decisions; the engine alone tokenises and scores
the same texts. Each runs in a process of its own, one after the other, round after round, and counts from its
first batch to its last. The broker runs on the same cores as the worker.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kafka import KafkaProducer

from benchmarks.engine.checkpoint import write_checkpoint
from benchmarks.engine.counts import count
from benchmarks.engine.machine import machine
from benchmarks.engine.shapes import SHAPES
from benchmarks.engine.spread import Spread
from benchmarks.engine.task import NUMBER_FORMATS
from benchmarks.engine.workload import LENGTHS, workload
from tests.support.topics import create_topic
from worker.detector.loading import DEFAULT_FOLDER
from worker.embedded import EmbeddedKafka

if TYPE_CHECKING:
    from collections.abc import Sequence

_PARTITIONS: Final = 4
_SEED: Final = 3
# A good minute a run on two cores; at least three batches, of which the first does not count.
_POSTS: Final = {
    "roberta-base": 900,
    "roberta-large": 700,
    "minilm": 4_000,
    "tiny": 1_500,
    "default": 60_000,
}
# The detector that ships; all others have random weights.
_DEFAULT: Final = "default"


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table, or flat JSON."""
    options = _options(arguments)
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kafka = stack.enter_context(EmbeddedKafka(root / "kafka", keep=False))
        shares = {
            model: _shares(options, root / model, model, kafka.bootstrap_servers) for model in options.models
        }
    if not options.json:
        print(
            f"topic to topic, {options.dtype} on {options.device}, {options.lengths} lengths; "
            f"{options.rounds} rounds"
        )
        print(f"{'':16} {'posts':>6} {'of the engine alone':>22}")
    for model, share in shares.items():
        if not options.json:
            print(f"{model:16} {_count(options, model):6} {share!s:>22}")
    if options.json:
        first = options.models[0]
        figures: dict[str, object] = dict(shares[first].flat("stream.of_engine"))
        for model, share in shares.items():
            figures |= share.flat(f"stream.of_engine.{model}")
        conditions = {
            "model": first,
            "lengths": options.lengths,
            "dtype": options.dtype,
            "device": options.device,
            "posts": _count(options, first),
            "rounds": options.rounds,
        }
        print(json.dumps(figures | machine() | conditions))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine.stream", description=__doc__)
    models = [*SHAPES, _DEFAULT]
    parser.add_argument("--models", nargs="+", choices=models, default=["roberta-base", "minilm"])
    parser.add_argument("--lengths", choices=LENGTHS, default="lognormal")
    parser.add_argument("--dtype", choices=NUMBER_FORMATS, default="float32")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--posts", type=count, help="in a run (default: enough for about a minute)")
    parser.add_argument("--rounds", type=count, default=3)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


def _count(options: argparse.Namespace, model: str) -> int:
    return int(options.posts or _POSTS[model])


def _shares(options: argparse.Namespace, root: Path, model: str, servers: str) -> Spread:
    """The worker's rate over that of the engine alone, a figure a round."""
    shape = SHAPES["roberta-base" if model == _DEFAULT else model]
    posts = workload(options.lengths, _count(options, model), shape.vocabulary, _SEED)
    root.mkdir(parents=True)
    folder, texts = root / "model", root / "texts.jsonl"
    if model == _DEFAULT:
        folder = DEFAULT_FOLDER
    else:
        folder.mkdir()
        write_checkpoint(folder, shape)
    texts.write_text("".join(json.dumps(text) + "\n" for text in posts.texts), encoding="utf-8")
    topic, out = f"{model}-posts", f"{model}-flags"
    for name in (topic, out):
        create_topic(servers, name, partitions=_PARTITIONS)
    _fill(servers, topic, posts.texts)
    shares = []
    for number in range(options.rounds):
        what = (str(folder), options.dtype, options.device)
        alone = _run("engine_alone", *what, str(texts))
        whole = _run(
            *("worker_with_model", *what),
            *(servers, topic, out, str(len(posts.texts))),
        )
        shares.append(whole / alone)
        print(
            f"{model}, round {number + 1}: {alone:.1f} posts/s alone, {whole:.1f} topic to topic",
            file=sys.stderr,
            flush=True,
        )
    return Spread.of(shares)


def _fill(servers: str, topic: str, texts: Sequence[str]) -> None:
    producer = KafkaProducer(bootstrap_servers=servers, linger_ms=20)
    for number, text in enumerate(texts):
        post = {
            "id": f"p{number}",
            "text": text,
            "lang": "en",
            "author": {
                "id": f"a{number}",
                "created_at": "2024-01-01T00:00:00Z",
                "followers": 120,
                "following": 80,
            },
        }
        producer.send(topic, value=json.dumps(post).encode(), key=str(number).encode())
    producer.flush()
    producer.close()


def _run(module: str, *arguments: str) -> float:
    """The posts a second that a contestant printed.

    Raises:
        ValueError: all posts went in one batch, so there is no rate.
        CalledProcessError: it failed; what it said is on standard error.
    """
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.contestants.{module}", *arguments],
        check=True,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
    )
    rate = float(json.loads(done.stdout.splitlines()[0])["posts_per_s"])
    if not rate:
        raise ValueError("all posts went in one batch, so there is no rate: ask for more with --posts")
    return rate


if __name__ == "__main__":
    main()
