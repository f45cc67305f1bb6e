"""Three worker processes on three brokers, while workers, brokers and Redis are killed.

`python -m tests.faults.soak_stream` prints what was injected and what an independent reader found.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException
from kafka import KafkaProducer

from tests.support.independent_reader import committed_offsets, committed_records, end_offsets
from tests.support.posts import broken, posts
from tests.support.topics import create_topic
from tests.support.worker import WorkerProcesses
from worker.embedded import EmbeddedKafka, EmbeddedValkey

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_PARTITIONS = 12
_GROUP = "soak"


class Faults(threading.Thread):
    """Injects one fault after another until it is told to stop."""

    def __init__(self, actions: dict[str, Callable[[], None]], *, every_s: float, seed: int) -> None:
        super().__init__(daemon=True)
        self._actions, self._every_s = actions, every_s
        self._random = random.Random(seed)  # noqa: S311 - reproducible, not secret
        self._stop_asked = threading.Event()
        self.injected: Counter[str] = Counter()
        self.error: Exception | None = None

    def run(self) -> None:
        # A worker is killed every other time, so that the rarer faults meet workers that just came back.
        while not self._stop_asked.wait(self._every_s):
            rare = [name for name in self._actions if name != "worker killed"]
            turn = "worker killed" if sum(self.injected.values()) % 2 == 0 else self._random.choice(rare)
            try:
                self._actions[turn]()
            except Exception as error:  # noqa: BLE001 - told at the end, the run goes on without faults
                self.error = error
                return
            self.injected[turn] += 1

    def end(self) -> None:
        self._stop_asked.set()
        self.join()


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the soak and returns 0 where nothing was lost, doubled or left open."""
    arguments = _arguments(argv)
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder = Path(name)
        with (
            EmbeddedKafka(folder / "kafka", brokers=3) as kafka,
            EmbeddedValkey(folder / "valkey") as valkey,
        ):
            return _soak(arguments, folder, kafka, valkey)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=200_000)
    parser.add_argument("--broken", type=float, default=0.01, help="share of records that are no posts")
    parser.add_argument("--every", type=float, default=4.0, help="seconds between faults")
    parser.add_argument("--at-least", type=float, default=240.0, help="seconds that faults go on at least")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=Path, help="keep the workers' log here")
    return parser.parse_args(argv)


def _soak(arguments: argparse.Namespace, folder: Path, kafka: EmbeddedKafka, valkey: EmbeddedValkey) -> int:
    servers = kafka.bootstrap_servers
    for topic in ("posts", "flags", "dead-letters"):
        create_topic(
            servers, topic, partitions=_PARTITIONS, replication=3, config={"min.insync.replicas": "2"}
        )
    settings = {
        "KAFKA__BOOTSTRAP_SERVERS": servers,
        "KAFKA__GROUP_ID": _GROUP,
        "KAFKA__SESSION_TIMEOUT_MS": "10000",
        "KAFKA__REQUEST_TIMEOUT_MS": "8000",
        "KAFKA__TRANSACTION_TIMEOUT_MS": "12000",
        "REDIS__URL": valkey.url,
        "EMIT": "all",
        "PROCESSES": "3",
        "HTTP__PORT": "0",
    }
    log = arguments.log or folder / "workers.log"
    workers = WorkerProcesses(settings, folder / "workers", log)
    guest = WorkerProcesses(settings | {"PROCESSES": "1"}, folder / "guest", folder / "guest.log")
    turn = random.Random(arguments.seed)  # noqa: S311 - reproducible, not secret
    faults = Faults(
        {
            "worker killed": lambda: workers.kill_one(turn),
            "broker killed and restarted": lambda: _bounce_broker(kafka, turn.randrange(3)),
            "Redis killed and restarted": lambda: _bounce_valkey(valkey),
            "guest worker joined and left": lambda: _visit(guest),
        },
        every_s=arguments.every,
        seed=arguments.seed,
    )
    begun = time.monotonic()
    workers.start()
    faults.start()
    ids, letters = _send(arguments, servers, until=begun + arguments.at_least)
    sent_s = time.monotonic() - begun
    while time.monotonic() < begun + arguments.at_least:
        time.sleep(1)
    faults.end()
    _await_decided(servers)
    seconds = time.monotonic() - begun
    code = workers.stop()
    return _report(
        arguments,
        faults,
        seconds=seconds,
        sent_s=sent_s,
        servers=servers,
        ids=ids,
        letters=letters,
        log=log,
        code=code,
    )


def _send(arguments: argparse.Namespace, servers: str, *, until: float) -> tuple[int, Counter[bytes]]:
    """Sends all records, spread over the time that faults go on."""
    wrong = broken(int(arguments.posts * arguments.broken))
    every = round(1 / arguments.broken) if arguments.broken else 0
    producer = KafkaProducer(bootstrap_servers=servers, linger_ms=20, delivery_timeout_ms=300_000)
    letters: Counter[bytes] = Counter()
    begun = time.monotonic()
    spread_s = max(0.0, until - begun) * 0.8
    for number, post in enumerate(posts(arguments.posts)):
        producer.send("posts", value=json.dumps(post).encode(), key=post["author"]["id"].encode())
        if every and number % every == 0 and (record := next(wrong, None)) is not None:
            producer.send("posts", value=record, key=str(number).encode())
            letters[record] += 1
        if number % 1000 == 0:
            time.sleep(max(0.0, begun + spread_s * number / arguments.posts - time.monotonic()))
    producer.flush()
    producer.close()
    return arguments.posts, letters


def _bounce_broker(kafka: EmbeddedKafka, node: int) -> None:
    kafka.kill_broker(node)
    time.sleep(3)
    kafka.start_broker(node)


def _bounce_valkey(valkey: EmbeddedValkey) -> None:
    valkey.kill()
    time.sleep(3)
    valkey.start()


def _visit(guest: WorkerProcesses) -> None:
    guest.start()
    time.sleep(10)
    guest.stop()


def _await_decided(servers: str, patience_s: float = 300.0) -> None:
    ends = end_offsets(servers, "posts")
    deadline = time.monotonic() + patience_s
    # The posts are not sent in transactions, so no markers stand behind them: the ends are reached exactly.
    while (decided := _decided(servers)) != ends:
        if time.monotonic() > deadline:
            raise TimeoutError(f"not all decided: {decided} of {ends}")
        time.sleep(1)


def _decided(servers: str) -> dict[int, int] | None:
    try:
        return committed_offsets(servers, _GROUP, "posts")
    except KafkaException:
        return None  # a transaction is open, or the group's coordinator is just moving


def _report(  # noqa: PLR0913 - the figures of one table
    arguments: argparse.Namespace,
    faults: Faults,
    *,
    seconds: float,
    sent_s: float,
    servers: str,
    ids: int,
    letters: Counter[bytes],
    log: Path,
    code: int,
) -> int:
    seen = Counter(json.loads(record.value())["post_id"] for record in committed_records(servers, "flags"))
    found = Counter(bytes(record.value()) for record in committed_records(servers, "dead-letters"))
    wanted = {f"p{number}" for number in range(ids)}
    lost, doubled = len(wanted - seen.keys()), sum(count - 1 for count in seen.values())
    failures = Counter(
        entry["fate"]
        for line in log.read_text(errors="replace").splitlines()
        if line.startswith("{") and (entry := json.loads(line)).get("event") == "transaction_failed"
    )
    for name, count in sorted(faults.injected.items()):
        print(f"{name:32} {count:>9}")
    for fate, count in sorted(failures.items()):
        print(f"{'transactions ' + fate:32} {count:>9}")
    print(f"{'posts':32} {ids:>9}")
    print(f"{'flags':32} {sum(seen.values()):>9}")
    print(f"{'lost':32} {lost:>9}")
    print(f"{'doubled':32} {doubled:>9}")
    print(f"{'unknown posts':32} {len(seen.keys() - wanted):>9}")
    print(f"{'broken records':32} {sum(letters.values()):>9}")
    print(f"{'dead letters, same bytes':32} {sum((found & letters).values()):>9}")
    print(f"{'dead letters, others':32} {sum((found - letters).values()):>9}")
    print(f"{'seconds (sending)':32} {seconds:>9.0f} ({sent_s:.0f})")
    print(f"seed {arguments.seed}, workers ended with code {code}")
    if faults.error is not None:
        print(f"faults ended early: {faults.error!r}")
    right = not lost and not doubled and found == letters and faults.error is None and seen.keys() == wanted
    return 0 if right and code == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
