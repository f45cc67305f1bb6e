"""One round: costs measured, a worker measured, and the same simulated."""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import numpy as np
from kafka import KafkaProducer

from benchmarks.contestants.planned_worker import FREE
from benchmarks.engine.shapes import SHAPES
from benchmarks.engine.workload import workload
from benchmarks.plan.paced import Reader, send
from tests.support.topics import create_topic
from worker.capacity.arrivals import posts, times
from worker.capacity.costs import Costs
from worker.capacity.scenario import Bursts, Lengths
from worker.capacity.simulation import Shape, simulate
from worker.embedded import EmbeddedKafka
from worker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.capacity.arrivals import Posts

_PARTITIONS: Final = 4
_SEED: Final = 3
_TEXTS: Final = 20_000
_FIRST: Final = 200
# Left out at both ends of the time in which posts come.
_LEAD_S, _TAIL_S = 3.0, 0.5
# Of the free detector one post in twenty is flagged. Of the others every post is published.
_FLAGGED: Final = 0.05


class Case(NamedTuple):
    """What is measured.

    Attributes:
        model: its name.
        folder: what the worker is given: a model's folder, or `free`.
        posts: of the backlog.
        seconds: for which posts come one by one.
    """

    model: str
    folder: str
    posts: int
    seconds: float

    @property
    def emit(self) -> str:
        """What the worker publishes."""
        return "flagged" if self.model == FREE else "all"


class Found(NamedTuple):
    """Figures of a worker.

    Attributes:
        posts_per_s: with a backlog.
        p50_ms, p99_ms: from topic to topic, under a share of that.
        rate: the share, in posts a second.
        costs: of the steps, measured in the same round.
        lengths: of the posts, in the detector's tokens.
    """

    posts_per_s: float
    p50_ms: float
    p99_ms: float
    rate: float
    costs: Costs
    lengths: Lengths

    @property
    def said(self) -> str:
        """In words."""
        return f"{self.posts_per_s:.0f} posts/s, p50 {self.p50_ms:.0f} ms, p99 {self.p99_ms:.0f} ms"


def measured(case: Case, load: float, seed: int) -> Found:
    """Runs the real things, one after another."""
    texts = workload("lognormal", _TEXTS, SHAPES["minilm"].vocabulary, _SEED).texts
    records = [_record(number, text) for number, text in enumerate(texts)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "posts.jsonl"
        file.write_bytes(b"\n".join(records))
        costs, lengths = _costs(case, file)
        with EmbeddedKafka(Path(folder) / "kafka", keep=False) as kafka:
            servers = kafka.bootstrap_servers
            limit = _limit(case, servers, records)
            rate = load * limit
            latencies = _latencies(case, servers, records, rate, seed)
    p50, p99 = (1000 * float(np.quantile(latencies, share)) for share in (0.5, 0.99))
    return Found(limit, p50, p99, rate, costs, lengths)


def _record(number: int, text: str) -> bytes:
    author = {"id": f"a{number}", "created_at": "2024-01-01T00:00:00Z", "followers": 120, "following": 80}
    return json.dumps({"id": f"p{number}", "text": text, "lang": "en", "author": author}).encode()


def _costs(case: Case, file: Path) -> tuple[Costs, Lengths]:
    """Measured in a process of its own."""
    done = _run("planned_costs", case.folder, str(file))
    found = json.loads(done)
    return msgspec.convert(found["costs"], Costs), msgspec.convert(found["lengths"], Lengths)


def _limit(case: Case, servers: str, records: Sequence[bytes]) -> float:
    for topic in ("posts", "flags"):
        create_topic(servers, topic, partitions=_PARTITIONS)
    producer = KafkaProducer(bootstrap_servers=servers, linger_ms=20, batch_size=131_072)
    for number, record in enumerate(islice(cycle(records), case.posts)):
        producer.send("posts", value=record, key=str(number).encode())
    producer.flush()
    producer.close()
    done = _run("planned_worker", *_arguments(case, servers, "posts", "flags", case.posts))
    return float(json.loads(done)["posts_per_s"])


def _latencies(case: Case, servers: str, records: Sequence[bytes], rate: float, seed: int) -> list[float]:
    """Seconds from topic to topic of the posts that came once the worker was at work."""
    number = int(rate * case.seconds)
    create_topic(servers, "paced", partitions=_PARTITIONS, config={"message.timestamp.type": "LogAppendTime"})
    create_topic(servers, "paced-flags", partitions=_PARTITIONS)
    reader = Reader(servers, "paced-flags")
    reader.start()
    command = _command("planned_worker", *_arguments(case, servers, "paced", "paced-flags", number + _FIRST))
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=_environment()) as worker:
        send(servers, "paced", records[:_FIRST], rate, seed)
        while not reader.seen and worker.poll() is None:
            time.sleep(0.1)
        time.sleep(1.0)
        began, ended = send(servers, "paced", list(islice(cycle(records), number)), rate, seed)
        worker.wait()
    time.sleep(1.0)
    reader.ended.set()
    reader.join()
    return [seen - at for at, seen in reader.seen if began + _LEAD_S <= at < ended - _TAIL_S]


def _arguments(case: Case, servers: str, topic: str, out: str, number: int) -> tuple[str, ...]:
    return case.folder, case.emit, servers, topic, out, str(number)


def _command(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.contestants.{module}", *arguments]


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONWARNINGS": "ignore"}


def _run(module: str, *arguments: str) -> str:
    """The first line that a contestant printed."""
    done = subprocess.run(
        _command(module, *arguments), check=True, stdout=subprocess.PIPE, env=_environment()
    )
    return done.stdout.splitlines()[0].decode()


def simulated(case: Case, truth: Found, seed: int) -> Found:
    """The same, simulated with the round's costs."""
    shape = Shape(
        cores=float(os.cpu_count() or 1),
        token_budget=truth.costs.token_budget,
        max_latency_s=Settings().detector.max_latency_ms / 1000,
        stream=Settings().stream,
        post_bytes=600.0,
    )
    random = np.random.default_rng(seed)
    there = np.zeros(case.posts)
    committed = simulate(_posts(case, truth, there, random), truth.costs, shape, math.inf).committed
    first, last = float(committed.min()), float(committed.max())
    limit = float((committed > first).sum()) / (last - first)
    arrived = times(truth.rate, 0.0, case.seconds, Bursts(), random)
    course = simulate(_posts(case, truth, arrived, random), truth.costs, shape, 4 * case.seconds)
    latencies = course.latencies(_LEAD_S, case.seconds - _TAIL_S)
    p50, p99 = (1000 * float(np.quantile(latencies, share)) for share in (0.5, 0.99))
    return Found(limit, p50, p99, truth.rate, truth.costs, truth.lengths)


def _posts(
    case: Case, truth: Found, there: np.ndarray[tuple[int], np.dtype[np.float64]], random: np.random.Generator
) -> Posts:
    share = _FLAGGED if case.model == FREE else 1.0
    return posts(there, there, truth.lengths, duplicates=0.0, published=share, random=random)


def lengths_of(tokens: Sequence[int]) -> Lengths:
    """The lognormal law that comes nearest to some lengths."""
    logs = np.log(np.asarray(tokens, float))
    return Lengths(
        median=math.exp(statistics.fmean(logs)), sigma=float(logs.std()), least=min(tokens), most=max(tokens)
    )
