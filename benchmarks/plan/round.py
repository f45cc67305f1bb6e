"""One round: costs measured, a worker measured, and the same simulated."""

from __future__ import annotations

import json
import math
import os
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
from benchmarks.plan.cores import WORKER, elsewhere
from benchmarks.plan.paced import Reader, moments, send
from tests.support.topics import create_topic
from worker.capacity.arrivals import Posts, before
from worker.capacity.costs import Costs
from worker.capacity.simulation import Shape, simulate
from worker.embedded import EmbeddedKafka
from worker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

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
        tokens: of each text, in the detector's own.
    """

    posts_per_s: float
    p50_ms: float
    p99_ms: float
    rate: float
    costs: Costs
    tokens: list[int]

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
        costs, tokens = _costs(case, file)
        with elsewhere(), EmbeddedKafka(Path(folder) / "kafka", keep=False) as kafka:
            servers = kafka.bootstrap_servers
            limit = _limit(case, servers, records)
            rate = load * limit
            latencies = _latencies(case, servers, records, rate, seed)
    p50, p99 = (1000 * float(np.quantile(latencies, share)) for share in (0.5, 0.99))
    return Found(limit, p50, p99, rate, costs, tokens)


def _record(number: int, text: str) -> bytes:
    author = {"id": f"a{number}", "created_at": "2024-01-01T00:00:00Z", "followers": 120, "following": 80}
    return json.dumps({"id": f"p{number}", "text": text, "lang": "en", "author": author}).encode()


def _costs(case: Case, file: Path) -> tuple[Costs, list[int]]:
    """Measured in a process of its own."""
    done = _run(_command("planned_costs", case.folder, str(file)))
    found = json.loads(done)
    return msgspec.convert(found["costs"], Costs), found["tokens"]


def _limit(case: Case, servers: str, records: Sequence[bytes]) -> float:
    for topic in ("posts", "flags"):
        create_topic(servers, topic, partitions=_PARTITIONS)
    producer = KafkaProducer(bootstrap_servers=servers, linger_ms=20, batch_size=131_072)
    for number, record in enumerate(islice(cycle(records), case.posts)):
        producer.send("posts", value=record, key=str(number).encode())
    producer.flush()
    producer.close()
    done = _run(_worker(case, servers, "posts", "flags", case.posts))
    return float(json.loads(done)["posts_per_s"])


def _latencies(case: Case, servers: str, records: Sequence[bytes], rate: float, seed: int) -> list[float]:
    """Seconds from topic to topic of the posts that came once the worker was at work."""
    due = moments(rate, int(rate * case.seconds), seed)
    create_topic(servers, "paced", partitions=_PARTITIONS, config={"message.timestamp.type": "LogAppendTime"})
    create_topic(servers, "paced-flags", partitions=_PARTITIONS)
    reader = Reader(servers, "paced-flags")
    reader.start()
    command = _worker(case, servers, "paced", "paced-flags", len(due) + _FIRST)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=_environment()) as worker:
        send(servers, "paced", records[:_FIRST], moments(rate, _FIRST, seed))
        # Until it has started, and has caught up with what came meanwhile.
        seen = 0
        while (not seen or seen != len(reader.seen)) and worker.poll() is None:
            seen = len(reader.seen)
            time.sleep(1.0)
        began, ended = send(servers, "paced", list(islice(cycle(records), len(due))), due)
        worker.wait()
    time.sleep(1.0)
    reader.end()
    return [seen - at for at, seen in reader.seen if began + _LEAD_S <= at < ended - _TAIL_S]


def _worker(case: Case, servers: str, topic: str, out: str, number: int) -> list[str]:
    """The command of a worker on cores of its own."""
    cores = ",".join(map(str, sorted(WORKER)))
    return _command(
        "pinned", cores, "planned_worker", case.folder, case.emit, servers, topic, out, str(number)
    )


def _command(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.contestants.{module}", *arguments]


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": str(len(WORKER))}


def _run(command: Sequence[str]) -> str:
    """The first line that a contestant printed."""
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=_environment())
    return done.stdout.splitlines()[0].decode()


def simulated(case: Case, truth: Found, seed: int) -> Found:
    """The same posts at the same moments, simulated with the round's costs."""
    shape = Shape(
        cores=float(len(WORKER)),
        token_budget=truth.costs.token_budget,
        max_latency_s=Settings().detector.max_latency_ms / 1000,
        stream=Settings().stream,
        post_bytes=600.0,
    )
    random = np.random.default_rng(seed)
    backlog = _posts(case, truth, np.zeros(case.posts), random)
    committed = simulate(backlog, truth.costs, shape, math.inf).committed
    first, last = float(committed.min()), float(committed.max())
    limit = float((committed > first).sum()) / (last - first)
    due = moments(truth.rate, int(truth.rate * case.seconds), seed)
    course = simulate(_posts(case, truth, due, random), truth.costs, shape, 4 * case.seconds)
    latencies = course.latencies(_LEAD_S, float(due[-1]) - _TAIL_S)
    p50, p99 = (1000 * float(np.quantile(latencies, share)) for share in (0.5, 0.99))
    return Found(limit, p50, p99, truth.rate, truth.costs, truth.tokens)


def _posts(case: Case, truth: Found, there: NDArray[np.float64], random: np.random.Generator) -> Posts:
    share = _FLAGGED if case.model == FREE else 1.0
    tokens = np.resize(np.asarray(truth.tokens, np.int64), len(there))
    return Posts(there, there, before(tokens), before(random.random(len(there)) < share))
