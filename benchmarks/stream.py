"""How much of a bare Kafka loop's speed the whole worker keeps: `python -m benchmarks.stream`.

All contestants read the same topic on the same embedded broker, one after another, round after round; each
runs in a process of its own and counts from its first commit to its last. Ratios are medians over rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from kafka import KafkaProducer

from tests.support.posts import posts
from tests.support.topics import create_topic
from worker.embedded import EmbeddedKafka, EmbeddedValkey

_PARTITIONS = 4
_SMALL, _LARGE = 10_000, 1_000_000


class Contestant(NamedTuple):
    """A row of the table."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()


class Result(NamedTuple):
    """What one run measured."""

    posts_per_s: float
    peak_mib: float


def main() -> None:
    """Prints the table, and as JSON with `--json`."""
    arguments = _arguments()
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedKafka(Path(folder) / "kafka", keep=False) as kafka,
        EmbeddedValkey(Path(folder) / "valkey", keep=False) as valkey,
    ):
        servers = kafka.bootstrap_servers
        _fill(servers, "posts", arguments.posts)
        create_topic(servers, "out", partitions=_PARTITIONS)
        contestants = _contestants(valkey.url, with_quix=not arguments.no_quix)
        rounds = [
            {c.name: _run(c, servers, "posts", arguments.posts) for c in contestants}
            for _ in range(arguments.rounds)
        ]
        memory = _memory(contestants[1], servers) if arguments.memory else {}
    _print(rounds, memory, as_json=arguments.json, posts_read=arguments.posts)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=150_000, help="posts read by each run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--memory", action="store_true", help="also peak memory at 10 thousand and 1 million posts"
    )
    parser.add_argument("--no-quix", action="store_true", help="leave quix-streams out")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _contestants(redis_url: str, *, with_quix: bool) -> list[Contestant]:
    worker = "whole_worker"
    stateless = "account_age,follower_ratio,link_share"
    rows = [
        Contestant("bare loop", "bare"),
        Contestant("worker", worker),
        Contestant("worker, signals of the post alone", worker, ("", stateless)),
        Contestant("worker, cache and all signals in Redis", worker, (redis_url, "all")),
    ]
    return rows + ([Contestant("quix-streams, exactly-once", "quix")] if with_quix else [])


def _fill(servers: str, topic: str, count: int) -> None:
    create_topic(servers, topic, partitions=_PARTITIONS)
    producer = KafkaProducer(bootstrap_servers=servers, linger_ms=20, batch_size=131_072)
    for post in posts(count):
        producer.send(topic, value=json.dumps(post).encode(), key=post["author"]["id"].encode())
    producer.flush()
    producer.close()


def _run(contestant: Contestant, servers: str, topic: str, count: int) -> Result:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            f"benchmarks.contestants.{contestant.module}",
            *(servers, topic, "out", str(count)),
            *contestant.arguments,
        ],
        check=True,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
    )
    line = json.loads(done.stdout.splitlines()[0])
    print(f"{contestant.name}: {line['posts_per_s']:.0f} posts/s", file=sys.stderr, flush=True)
    return Result(line["posts_per_s"], line["peak_mib"])


def _memory(worker: Contestant, servers: str) -> dict[int, float]:
    peaks = {}
    for count in (_SMALL, _LARGE):
        topic = f"posts-{count}"
        _fill(servers, topic, count)
        peaks[count] = _run(worker, servers, topic, count).peak_mib
    return peaks


def _print(
    rounds: list[dict[str, Result]], memory: dict[int, float], *, as_json: bool, posts_read: int
) -> None:
    bare = "bare loop"
    figures = {
        name: sorted(one[name].posts_per_s / one[bare].posts_per_s for one in rounds) for name in rounds[0]
    }
    if as_json:
        flat: dict[str, object] = {"stream.of_bare_loop": statistics.median(figures["worker"])}
        flat |= {f"stream.ratio.{name}": statistics.median(ratios) for name, ratios in figures.items()}
        flat |= {f"stream.peak_mib.{count}": peak for count, peak in memory.items()}
        print(json.dumps(flat | {"posts": posts_read, "rounds": len(rounds), "cores": os.cpu_count()}))
        return
    print(f"{posts_read} posts, {len(rounds)} rounds, {_PARTITIONS} partitions, {os.cpu_count()} cores")
    print(f"{'':40} {'of the bare loop':>17} {'least':>6} {'most':>6} {'peak MiB':>9}")
    for name, ratios in figures.items():
        peak = max(one[name].peak_mib for one in rounds)
        print(f"{name:40} {statistics.median(ratios):17.2f} {ratios[0]:6.2f} {ratios[-1]:6.2f} {peak:9.0f}")
    for count, peak in memory.items():
        print(f"peak memory of the worker at {count:>9} posts: {peak:.0f} MiB")


if __name__ == "__main__":
    main()
