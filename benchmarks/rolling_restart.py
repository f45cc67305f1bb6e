"""How long a partition waits while three workers restart one by one: `python -m benchmarks.rolling_restart`.

Each worker is a `flagstaff run` with a data directory and a transactional id prefix of its own, as a pod has.
A steady load goes to every partition all the time. Flags are read with another client library, which notes
when each could be seen; a partition's pause is the longest time between two of its flags.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter, defaultdict
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import KafkaException
from kafka import KafkaProducer

from tests.faults.watcher import Watcher
from tests.support.independent_reader import committed_offsets, committed_records, end_offsets
from tests.support.posts import posts
from tests.support.topics import create_topic
from tests.support.worker import WorkerProcesses
from worker.embedded import EmbeddedKafka
from worker.embedded.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.faults.watcher import Sighting

_PARTITIONS = 12
_WORKERS = 3
_PATIENCE_S = 600.0
# Waits between two restarts, so that one is over before the next begins.
_SETTLE_S = 8.0
_MODES = ("dynamic", "static", "dynamic, new one first")


class Restarts(NamedTuple):
    """What one roll over all workers showed, in seconds.

    Attributes:
        posts: how many were sent.
        lost: posts without a flag.
        doubled: flags beyond the first of a post.
        drain: from SIGTERM to the end of each worker.
        back: from the start of each worker until it has joined the group.
        calm: each partition's pause before the first restart.
        pauses: each partition's pause from then on.
    """

    posts: int
    lost: int
    doubled: int
    drain: list[float]
    back: list[float]
    calm: list[float]
    pauses: list[float]


class Load(threading.Thread):
    """Sends posts at a steady rate, to each partition in turn, until it is told to stop."""

    def __init__(self, servers: str, topic: str, rate: float) -> None:
        super().__init__(daemon=True)
        self._servers, self._topic, self._rate = servers, topic, rate
        self._stop_asked = threading.Event()
        self.sent = 0

    def run(self) -> None:
        """Called by the thread."""
        producer = KafkaProducer(bootstrap_servers=self._servers, linger_ms=5)
        begun = time.monotonic()
        for number, post in enumerate(posts(10_000_000)):
            value = json.dumps(post).encode()
            producer.send(self._topic, value=value, key=post["id"].encode(), partition=number % _PARTITIONS)
            self.sent = number + 1
            if self._stop_asked.wait(max(0.0, begun + number / self._rate - time.monotonic())):
                break
        producer.flush()
        producer.close()

    def end(self) -> None:
        """Stops, once all is sent."""
        self._stop_asked.set()
        self.join()


class Pod:
    """A worker in a place of its own."""

    def __init__(self, folder: Path, name: str, settings: Mapping[str, str], *, static: bool) -> None:
        (self.port,) = free_ports(1, [])
        own = {"KAFKA__TRANSACTIONAL_ID_PREFIX": f"flagstaff-{name}", "HTTP__PORT": str(self.port)}
        if static:
            own["KAFKA__GROUP_INSTANCE_ID"] = name
        self._processes = WorkerProcesses({**settings, **own}, folder / name, folder / f"{name}.log")

    def start(self) -> None:
        """Starts it, and does not wait."""
        self._processes.start()

    def await_ready(self) -> None:
        """Waits until it has joined the group."""
        deadline = time.monotonic() + _PATIENCE_S
        while not self._ready():
            if time.monotonic() > deadline:
                raise TimeoutError(f"a worker did not join within {_PATIENCE_S:.0f} s")
            time.sleep(0.1)

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> float:
        """Ends it with SIGTERM; returns how long that took."""
        begun = time.monotonic()
        code = self._processes.stop()
        if code != 0:
            raise RuntimeError(f"a worker ended with code {code}")
        return time.monotonic() - begun

    def close(self) -> None:
        """Ends it, if it still runs."""
        self._processes.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Prints a table for each kind of restart; returns 0 where no flag was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=240.0, help="posts a second over all partitions")
    parser.add_argument("--modes", nargs="+", choices=_MODES, default=_MODES)
    arguments = parser.parse_args(argv)
    results: dict[str, Restarts] = {}
    with tempfile.TemporaryDirectory(prefix="rolling-") as name:
        folder = Path(name)
        with EmbeddedKafka(folder / "kafka", keep=False) as kafka:
            for number, mode in enumerate(arguments.modes):
                (own := folder / str(number)).mkdir()
                results[mode] = _roll(own, kafka.bootstrap_servers, mode, arguments.rate)
                # Each as soon as it is known: a run takes minutes.
                _print(mode, results[mode], arguments.rate)
    return int(any(one.lost or one.doubled for one in results.values()))


def _roll(folder: Path, servers: str, mode: str, rate: float) -> Restarts:
    names = {name: f"{name}-{folder.name}" for name in ("posts", "flags", "letters")}
    for topic in names.values():
        create_topic(servers, topic, partitions=_PARTITIONS)
    settings = {
        "KAFKA__BOOTSTRAP_SERVERS": servers,
        "KAFKA__GROUP_ID": f"group-{folder.name}",
        "TOPICS__POSTS": names["posts"],
        "TOPICS__FLAGS": names["flags"],
        "TOPICS__DEAD_LETTERS": names["letters"],
        "DETECTOR__MODEL": "constant",
        "ACTION_RATE__ENABLED": "false",
        "EMIT": "all",
    }
    static = mode == "static"
    with ExitStack() as stack:
        pods = [Pod(folder, f"pod{number}", settings, static=static) for number in range(_WORKERS)]
        for pod in pods:
            stack.callback(pod.close)
            pod.start()
        for pod in pods:
            pod.await_ready()
        load = Load(servers, names["posts"], rate)
        watcher = stack.enter_context(Watcher(servers, names["flags"], partitions=_PARTITIONS))
        load.start()
        stack.callback(load.end)
        time.sleep(_SETTLE_S)
        calm_until = time.monotonic()
        drain, back = [], []
        for number, pod in enumerate(pods):
            if mode == "dynamic, new one first":
                successor = Pod(folder, f"pod{number + _WORKERS}", settings, static=False)
                stack.callback(successor.close)
                back.append(_started(successor))
                drain.append(pod.stop())
                pods[number] = successor
            else:
                drain.append(pod.stop())
                back.append(_started(pod))
            time.sleep(_SETTLE_S)
        load.end()
        _await_decided(servers, settings)
        sightings = watcher.sightings()
        for pod in pods:
            pod.stop()
    flags = Counter(json.loads(one.value())["post_id"] for one in committed_records(servers, names["flags"]))
    return Restarts(
        posts=load.sent,
        lost=load.sent - len(flags),
        doubled=sum(flags.values()) - len(flags),
        drain=drain,
        back=back,
        calm=_pauses([one for one in sightings if one.at <= calm_until]),
        pauses=_pauses(sightings),
    )


def _started(pod: Pod) -> float:
    begun = time.monotonic()
    pod.start()
    pod.await_ready()
    return time.monotonic() - begun


def _await_decided(servers: str, settings: Mapping[str, str]) -> None:
    topic, group = settings["TOPICS__POSTS"], settings["KAFKA__GROUP_ID"]
    ends = end_offsets(servers, topic)
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        try:
            if committed_offsets(servers, group, topic) == ends:
                return
        except KafkaException:
            pass  # a transaction is open, or the coordinator is moving
        time.sleep(0.5)
    raise TimeoutError(f"the posts were not all decided within {_PATIENCE_S:.0f} s")


def _pauses(sightings: Sequence[Sighting]) -> list[float]:
    """The longest time between two flags of each partition of the posts."""
    seen: dict[int, list[float]] = defaultdict(list)
    for one in sightings:
        seen[int(one.post_id.removeprefix("p")) % _PARTITIONS].append(one.at)
    return [max((b - a for a, b in pairwise(times)), default=0.0) for times in seen.values()]


def _print(mode: str, found: Restarts, rate: float) -> None:
    print(f"{mode}: {_WORKERS} workers, {_PARTITIONS} partitions, {rate:.0f} posts/s, seconds")
    for name, figure in {
        "posts": f"{found.posts}",
        "lost": f"{found.lost}",
        "doubled": f"{found.doubled}",
        "SIGTERM to the end, longest": f"{max(found.drain):.1f}",
        "start to joined, longest": f"{max(found.back):.1f}",
        "longest pause of a partition": f"{max(found.pauses):.2f}",
        "median over the partitions": f"{statistics.median(found.pauses):.2f}",
        "longest before the first restart": f"{max(found.calm):.2f}",
    }.items():
        print(f"  {name:34} {figure:>8}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
