"""Rounds of one fault each in a worker's transaction, and what an independent reader finds afterwards."""

from __future__ import annotations

import itertools
import json
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from kafka import KafkaProducer

from tests.faults.fault import Action, Fault, Injection, Moment
from tests.faults.places import Places
from tests.faults.segments import aborted
from tests.faults.watcher import Sighting, Watcher
from tests.faults.wire import Api
from tests.support.posts import posts
from tests.support.topics import create_topic
from tests.support.waiting import PATIENCE_S
from tests.support.worker import WorkerProcesses

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.proxied import ProxiedKafka

POSTS: Final = 300
_PARTITIONS: Final = 4
_SEND_S: Final = 1.2
_INJECT_AT: Final = POSTS // 3
_GROUP: Final = "outcomes"
_SETTINGS: Final = {
    "KAFKA__GROUP_ID": _GROUP,
    "KAFKA__REQUEST_TIMEOUT_MS": "1500",
    "KAFKA__TRANSACTION_TIMEOUT_MS": "10000",
    "KAFKA__SESSION_TIMEOUT_MS": "6000",
    "STREAM__TRANSACTION_INTERVAL_MS": "50",
    "DETECTOR__MODEL": "constant",
    "EMIT": "all",
    "HTTP__PORT": "0",
}


class Case(NamedTuple):
    """What happens to which request."""

    api: Api
    action: Action
    let_go: Moment | None

    @property
    def request(self) -> str:
        """The request's name, as Kafka has it."""
        return self.api.name.title().replace("_", "")

    @property
    def fault(self) -> str:
        """The fault in words."""
        if self.let_go is None:
            return self.action
        held = "held" if self.action == "hold" else "held and cut"
        return f"{held}, let go {self.let_go.value}"


_FAULTS: Final[list[tuple[Action, Moment | None]]] = [
    *(("hold", moment) for moment in Moment),
    # kafka-python gives up by itself after a time-out, but repeats after a disconnect.
    *(("hold and cut", moment) for moment in Moment),
    ("cut before", None),
    ("cut after", None),
]
CASES: Final = [Case(api, action, moment) for api in Api for action, moment in _FAULTS]


@dataclass
class Round:
    """One fault and what was found after it.

    Attributes:
        case: the fault.
        injected: whether the fault met its request and ran its course.
        answer: errors that the broker answered to the request, empty: none; None: it never got there.
        events: what the proxy did, each with its time in seconds from the first post on.
        posts: how many were sent.
        lost: posts without a committed flag.
        doubled: committed flags beyond one a post.
        aborted_seen: committed flags that stand in the log as aborted.
        left_open: what was found open: transactions, partitions, offsets.
        stall_s: longest time without a newly committed flag, from the first post on.
        sightings: the committed flags.
    """

    case: Case | None
    injected: bool = True
    answer: list[str] | None = None
    events: list[str] = field(default_factory=list)
    posts: int = 0
    lost: int = 0
    doubled: int = 0
    aborted_seen: int = 0
    left_open: list[str] = field(default_factory=list)
    stall_s: float = 0.0
    sightings: list[Sighting] = field(default_factory=list, repr=False)

    @property
    def is_right(self) -> bool:
        """Whether the fault was injected and harmed nothing."""
        return self.injected and not (self.lost or self.doubled or self.aborted_seen or self.left_open)


class Outcomes:
    """A worker behind the proxy; each call of `round` injects one fault."""

    def __init__(self, kafka: ProxiedKafka, topics: tuple[str, str], watcher: Watcher) -> None:
        self._kafka = kafka
        self._posts, self._flags = topics
        self._watcher = watcher
        self._numbers = itertools.count()
        self._post = itertools.cycle(posts(20_000))
        self._producer = KafkaProducer(bootstrap_servers=kafka.direct, linger_ms=5, metrics_enabled=False)
        self._places = Places(kafka.direct, _GROUP)

    def close(self) -> None:
        self._producer.close()
        self._places.close()

    def round(self, case: Case | None) -> Round:
        """Sends posts steadily, injects a fault amid them (None: none), and looks what became of them."""
        number = next(self._numbers)
        before = len(self._watcher.sightings())
        injections: list[Injection] = []
        begun = time.monotonic()
        ids = set()
        for count in range(POSTS):
            post = next(self._post) | {"id": f"r{number}-{count}"}
            self._producer.send(self._posts, json.dumps(post).encode(), post["author"]["id"].encode())
            ids.add(post["id"])
            if count == _INJECT_AT and case is not None:
                injections = self._inject(case, number)
            time.sleep(max(0.0, begun + count * _SEND_S / POSTS - time.monotonic()))
        self._producer.flush()
        done = Round(case, posts=POSTS)
        if case is not None:
            done.injected = all(one.await_end(PATIENCE_S) for one in injections)
            done.answer = injections[-1].answer
            done.events = [f"{event.at - begun:.2f} {event.what}" for event in injections[-1].events]
        self._watcher.sees(ids, PATIENCE_S)
        done.left_open = self._left_open()
        done.sightings = self._watcher.sightings(before)
        seen = Counter(one.post_id for one in done.sightings)
        done.lost = len(ids - seen.keys())
        done.doubled = sum(seen.values()) - len(seen) + len(seen.keys() - ids)
        times = [begun, *sorted(one.at for one in done.sightings)]
        done.stall_s = max((later - earlier for earlier, later in itertools.pairwise(times)), default=0.0)
        done.aborted_seen = self._aborted(done.sightings)
        self._kafka.proxy.calm()
        return done

    def _inject(self, case: Case, number: int) -> list[Injection]:
        fault = Fault(api=case.api, action=case.action, let_go=case.let_go)
        if case.api is not Api.INIT_PRODUCER_ID:
            return [self._kafka.proxy.inject(fault)]
        # A worker asks for a producer epoch only after a failure: half of the times one that leaves its
        # transaction open, so that the broker puts it off, and half of the times one that does not.
        failure = Fault(api=Api.END_TXN, action="cut before" if number % 2 else "cut after")
        return [self._kafka.proxy.inject(failure), self._kafka.proxy.inject(fault)]

    def _left_open(self) -> list[str]:
        """Waits until all is decided and committed; returns what keeps it from that."""
        found = []
        deadline = time.monotonic() + PATIENCE_S
        ends = {number: end for number, end in self._places.ends(self._posts).items() if end}
        while (offsets := self._places.committed(self._posts)) != ends:
            if time.monotonic() > deadline:
                found.append(f"committed {offsets} of {ends}")
                break
            time.sleep(0.05)
        if not self._watcher.reaches(self._places.ends(self._flags), PATIENCE_S):
            found.append("the last stable offset stays behind the end of the flags")
        for topic in (self._flags, "__consumer_offsets"):
            found += [f"a transaction in {topic}/{number}" for number in self._places.open(topic)]
        return found

    def _aborted(self, sightings: list[Sighting]) -> int:
        never = {number: aborted(self._kafka.folder, self._flags, number) for number in range(_PARTITIONS)}
        return sum(one.offset in never[one.partition] for one in sightings)


@contextmanager
def outcomes(kafka: ProxiedKafka, folder: Path, *, log: Path | None = None) -> Iterator[Outcomes]:
    """Starts a worker that goes through the proxy, and lets it decide once without a fault.

    Its data lie below `folder`, and its log too where no other place is named.
    """
    topics = {name: f"outcomes-{name}" for name in ("posts", "flags", "dead-letters")}
    for name in topics.values():
        create_topic(kafka.direct, name, partitions=_PARTITIONS)
    names = {f"TOPICS__{name.upper().replace('-', '_')}": topic for name, topic in topics.items()}
    server = {"KAFKA__BOOTSTRAP_SERVERS": kafka.servers}
    log = log or folder / "worker.log"
    worker = WorkerProcesses(_SETTINGS | names | server, folder / "worker", log)
    with Watcher(kafka.direct, topics["flags"], partitions=_PARTITIONS) as watcher:
        worker.start()
        bench = Outcomes(kafka, (topics["posts"], topics["flags"]), watcher)
        try:
            first = bench.round(None)
            assert first.is_right, f"{first}\n{worker.log()[-3000:]}"
            yield bench
        finally:
            bench.close()
            code = worker.stop()
        assert code == 0, worker.log()[-3000:]
