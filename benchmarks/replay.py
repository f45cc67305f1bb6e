"""How fast a replay is beside the live path: `python -m benchmarks.replay`.

A live worker reads a topic and publishes every decision, then what it published is replayed, with signals
rebuilt and as recorded; round after round, each in a process of its own on the same embedded Kafka and
Valkey. Once with a detector that costs nothing, where all is the path itself; once with a model, where the
worker begins with an empty cache of scores and the replay finds what the worker left there.
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
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kafka import KafkaProducer

from benchmarks.engine.checkpoint import write_checkpoint
from benchmarks.engine.counts import count
from benchmarks.engine.machine import machine
from benchmarks.engine.shapes import SHAPES
from benchmarks.engine.spread import Spread
from benchmarks.engine.workload import workload
from tests.support.posts import posts
from tests.support.topics import create_topic, unique_name
from worker.embedded import EmbeddedKafka, EmbeddedValkey

if TYPE_CHECKING:
    from collections.abc import Sequence

_PARTITIONS: Final = 4
_SEED: Final = 6
_MODES: Final = ("rebuilt", "recorded")
# About a minute of the model on two cores, and several batches.
_MODEL_POSTS: Final = {"roberta-base": 900, "roberta-large": 700, "minilm": 4_000, "tiny": 1_500}


class Place(NamedTuple):
    """Where all of it runs."""

    servers: str
    redis_url: str


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table, or flat JSON."""
    options = _options(arguments)
    model_posts = options.model_posts or _MODEL_POSTS[options.model]
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kafka = stack.enter_context(EmbeddedKafka(root / "kafka", keep=False))
        valkey = stack.enter_context(EmbeddedValkey(root / "valkey", keep=False))
        place = Place(kafka.bootstrap_servers, valkey.url)
        free = _ratios(place, "free", _free_posts(options.posts), options.rounds, {})
        folder = root / "model"
        folder.mkdir()
        write_checkpoint(folder, SHAPES[options.model])
        own = {"DETECTOR__MODEL": str(folder), "DETECTOR__DTYPE": "float32", "DETECTOR__DEVICE": "cpu"}
        warm = _ratios(place, "model", _model_posts(options.model, model_posts), options.rounds, own)
    conditions = {
        "model": options.model,
        "posts": options.posts,
        "model_posts": model_posts,
        "rounds": options.rounds,
    }
    if options.json:
        figures = dict(free["rebuilt"].flat("replay.of_live"))
        figures |= free["recorded"].flat("replay.of_live.recorded")
        for mode in _MODES:
            figures |= warm[mode].flat(f"replay.warm_of_live.{mode}")
        print(json.dumps(figures | machine() | conditions))
        return
    print(f"posts a second of a replay over those of the live worker; {options.rounds} rounds")
    print(f"{'':34} {'posts':>7} {'rebuilt':>20} {'recorded':>20}")
    for name, ratios, number in (
        ("a detector that costs nothing", free, options.posts),
        (f"{options.model}, warm cache of scores", warm, model_posts),
    ):
        print(f"{name:34} {number:7} {ratios['rebuilt']!s:>20} {ratios['recorded']!s:>20}")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replay", description=__doc__)
    parser.add_argument("--posts", type=count, default=150_000, help="with a detector that costs nothing")
    parser.add_argument("--model", choices=SHAPES, default="minilm")
    parser.add_argument("--model-posts", type=count, help="with the model (default: about a minute's)")
    parser.add_argument("--rounds", type=count, default=3)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


def _ratios(
    place: Place, kind: str, values: Sequence[dict[str, Any]], rounds: int, own: dict[str, str]
) -> dict[str, Spread]:
    """The replay's rate over the live worker's, for each mode a figure a round."""
    topic = unique_name(f"{kind}-posts")
    create_topic(place.servers, topic, partitions=_PARTITIONS)
    _fill(place.servers, topic, values)
    found: dict[str, list[float]] = {mode: [] for mode in _MODES}
    for number in range(rounds):
        flags, letters = unique_name(f"{kind}-flags"), unique_name(f"{kind}-letters")
        create_topic(place.servers, flags, partitions=_PARTITIONS)
        create_topic(place.servers, letters, partitions=1)
        settings = own | {
            "KAFKA__BOOTSTRAP_SERVERS": place.servers,
            "TOPICS__POSTS": topic,
            "TOPICS__FLAGS": flags,
            "TOPICS__DEAD_LETTERS": letters,
            "REDIS__URL": place.redis_url,
            # The same for the worker and its replays alone: of scores it finds those of this round.
            "REDIS__PREFIX": flags,
            "EMIT": "all",
            "ACTION_RATE__ENABLED": "false",
            "LOG__LEVEL": "error",
        }
        rates = {what: _run(what, kind, len(values), settings) for what in ("live", *_MODES)}
        for mode in _MODES:
            found[mode].append(rates[mode] / rates["live"])
        told = ", ".join(f"{what} {rate:.0f}" for what, rate in rates.items())
        print(f"{kind}, round {number + 1}, posts/s: {told}", file=sys.stderr, flush=True)
    return {mode: Spread.of(figures) for mode, figures in found.items()}


def _free_posts(number: int) -> list[dict[str, Any]]:
    return list(posts(number))


def _model_posts(model: str, number: int) -> list[dict[str, Any]]:
    """Texts of the engine's benchmark."""
    texts = workload("lognormal", number, SHAPES[model].vocabulary, _SEED).texts
    return [post | {"text": text} for post, text in zip(posts(number), texts, strict=True)]


def _fill(servers: str, topic: str, values: Sequence[dict[str, Any]]) -> None:
    producer = KafkaProducer(bootstrap_servers=servers, linger_ms=20, batch_size=131_072)
    for post in values:
        producer.send(topic, value=json.dumps(post).encode(), key=post["author"]["id"].encode())
    producer.flush()
    producer.close()


def _run(what: str, kind: str, number: int, settings: dict[str, str]) -> float:
    """The posts a second that a contestant printed.

    Raises:
        ValueError: all posts went in one batch, so there is no rate.
        CalledProcessError: it failed; what it said is on standard error.
    """
    module = "benchmarks.contestants.replayed"
    done = subprocess.run(
        [sys.executable, "-m", module, what, kind, str(number), json.dumps(settings)],
        check=True,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
    )
    rate = float(json.loads(done.stdout.splitlines()[0])["posts_per_s"])
    if not rate:
        raise ValueError(
            "all posts went in one batch, so there is no rate: ask for more with --posts and --model-posts"
        )
    return rate


if __name__ == "__main__":
    main()
