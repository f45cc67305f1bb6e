"""A detector is switched under load: no post is lost or doubled, and each is decided by one detector."""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import threading
import time
from collections import Counter, defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from kafka import KafkaProducer

from tests.support.independent_reader import committed_records
from tests.support.linear_checkpoint import linear_checkpoint, turn_over
from tests.support.posts import texts
from tests.support.running import all_decided, publish, worker_settings
from tests.support.waiting import PATIENCE_S, wait_until
from tests.support.worker import WorkerProcesses
from worker.text import canonical

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.topics import TopicFactory
    from worker.detector.protocol import Detector
    from worker.settings import Settings

# Far above what is seen: the machine may be busy with other tests. A worker that starts again takes longer.
LONGEST_PAUSE_S = 5.0
POSTS_A_SECOND = 400


@pytest.fixture
def topics(kafka: str, topic: TopicFactory) -> dict[str, str]:
    del kafka
    return {
        "posts": topic("posts", partitions=4),
        "flags": topic("flags"),
        "dead_letters": topic("dead-letters"),
    }


class Flow:
    """A steady flow of posts, each with a text of its own, from a thread of its own."""

    def __init__(self, servers: str, topic: str) -> None:
        self.texts: dict[str, str] = {}
        self._servers, self._topic = servers, topic
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        producer = KafkaProducer(bootstrap_servers=self._servers, linger_ms=5)
        began = time.monotonic()
        for number, (text, _, _) in enumerate(texts()):
            if self._stop.wait(max(0.0, began + number / POSTS_A_SECOND - time.monotonic())):
                break
            post = {"id": f"p{number}", "text": f"{text} {number}", "lang": "en"}
            self.texts[f"p{number}"] = f"{text} {number}"
            producer.send(self._topic, key=str(number).encode(), value=json.dumps(post).encode())
        producer.flush()
        producer.close()

    def end(self) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()


class Flagged(NamedTuple):
    """A flag as the reader sees it."""

    value: dict[str, Any]
    decided_s: float

    @property
    def digest(self) -> str:
        return str(self.value["detector"]["digest"])


class Command:
    """`flagstaff --config FILE run`, with what its detector is loaded from.

    Attributes:
        detectors: what may decide, by name; `model` is a link to the first one's directory.
        worker: the processes.
    """

    def __init__(self, folder: Path, settings: Settings, names: str = "abc", processes: int = 1) -> None:
        self._folder = folder
        self._plain = {
            "kafka": {
                "bootstrap_servers": settings.kafka.bootstrap_servers,
                "group_id": settings.kafka.group_id,
                "transactional_id_prefix": settings.kafka.transactional_id_prefix,
                "session_timeout_ms": settings.kafka.session_timeout_ms,
            },
            "topics": {
                "posts": settings.topics.posts,
                "flags": settings.topics.flags,
                "dead_letters": settings.topics.dead_letters,
            },
            "emit": "all",
            "http": {"port": 0},
            "processes": processes,
        }
        self.detectors: dict[str, Detector] = {
            name: linear_checkpoint(folder / name, float(bias)) for bias, name in enumerate(names)
        }
        turn_over(folder / "model", folder / names[0])
        self.configure(folder / "model")
        program = [sys.executable, "-m", "worker.commands", "--config", str(folder / "config.yaml"), "run"]
        self.worker = WorkerProcesses({}, folder, folder / "log", program)
        self.worker.start()

    def configure(self, model: Path) -> None:
        """Writes the config file anew, in one step."""
        new = self._folder / "config.new"
        new.write_text(json.dumps(self._plain | {"detector": {"model": str(model)}}))
        new.replace(self._folder / "config.yaml")

    def events(self, name: str) -> list[dict[str, Any]]:
        """What was logged under this name, by all processes."""
        lines = [line for line in self.worker.log().splitlines() if line.startswith("{")]
        return [event for event in map(json.loads, lines) if event["event"] == name]

    def reload(self, outcome: str, *, processes: int = 1) -> None:
        """Sends SIGHUP to the command; waits until each process has said what came of it."""
        expected = len(self.events(f"detector_{outcome}")) + processes
        self.worker.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(self.events(f"detector_{outcome}")) >= expected, what=f"{outcome} by all")


@pytest.fixture
def commands() -> Iterator[list[Command]]:
    """Those that a test starts go in here; what it leaves behind is ended."""
    started: list[Command] = []
    yield started
    for command in started:
        command.worker.close()


def _flags(servers: str, topic: str) -> list[Flagged]:
    flags = []
    for record in committed_records(servers, topic):
        headers = dict(record.headers())
        decided = datetime.fromisoformat(headers["decided-at"].decode())
        flags.append(Flagged(json.loads(record.value()), decided.timestamp()))
    return flags


def _check_each_post_was_decided_by_one(flags: list[Flagged], flow: Flow, detectors: list[Detector]) -> None:
    """Every post once; logit, probability and name are those of the detector whose digest its flag has."""
    assert Counter(flag.value["post_id"] for flag in flags) == Counter(flow.texts.keys())
    by_digest = {detector.digest: detector for detector in detectors}
    for digest, detector in by_digest.items():
        said = [flag.value for flag in flags if flag.digest == digest]
        encoded = detector.encode([canonical(flow.texts[value["post_id"]]) for value in said])
        for value, logit in zip(said, detector.logits(encoded), strict=True):
            assert value["detector"]["logit"] == logit
            assert value["detector"]["probability"] == detector.calibration.probability(
                logit, value["detector"]["tokens"]
            )
            assert value["detector"]["name"] == detector.name
    assert {flag.digest for flag in flags} == by_digest.keys()


def _in_order_of_offset(flags: list[Flagged]) -> dict[int, list[Flagged]]:
    partitions: dict[int, list[Flagged]] = defaultdict(list)
    for flag in sorted(flags, key=lambda flag: int(flag.value["source"]["offset"])):
        partitions[flag.value["source"]["partition"]].append(flag)
    return partitions


def _longest_gap_s(flags: list[Flagged]) -> float:
    times = sorted(flag.decided_s for flag in flags)
    return max(after - before for before, after in itertools.pairwise(times))


def test_switches_under_load_lose_and_double_nothing_and_make_no_pause(
    kafka: str, topics: dict[str, str], tmp_path: Path, commands: list[Command]
) -> None:
    settings = worker_settings(tmp_path, kafka, topics)
    command = Command(tmp_path, settings)
    commands.append(command)
    a, b, c = command.detectors.values()
    flow = Flow(kafka, topics["posts"])

    def flow_on(count: int) -> None:
        """Returns once that many posts more are on their way."""
        target = len(flow.texts) + count
        wait_until(lambda: len(flow.texts) >= target, what="more posts")

    wait_until(lambda: bool(committed_records(kafka, topics["flags"])), what="the first flags")
    flow_on(400)
    turn_over(tmp_path / "model", tmp_path / "b")
    command.reload("switched")
    flow_on(400)
    command.configure(tmp_path / "nothing-there")
    command.reload("refused")
    flow_on(400)
    (tmp_path / "c" / "detector.json").rename(tmp_path / "c" / "aside")
    command.configure(tmp_path / "c")
    command.reload("refused")
    (tmp_path / "c" / "aside").rename(tmp_path / "c" / "detector.json")
    command.reload("switched")
    flow_on(400)
    command.reload("unchanged")
    flow_on(400)
    flow.end()
    wait_until(lambda: all_decided(kafka, settings), what="the end of the topic")
    assert command.worker.stop() == 0
    flags = _flags(kafka, topics["flags"])
    assert committed_records(kafka, topics["dead_letters"]) == []
    _check_each_post_was_decided_by_one(flags, flow, [a, b, c])
    for partition in _in_order_of_offset(flags).values():
        assert [digest for digest, _ in itertools.groupby(partition, key=lambda flag: flag.digest)] == [
            a.digest,
            b.digest,
            c.digest,
        ]
    assert _longest_gap_s(flags) < LONGEST_PAUSE_S


def test_sighup_reaches_every_process_and_one_that_starts_later_agrees(
    kafka: str, topics: dict[str, str], tmp_path: Path, commands: list[Command]
) -> None:
    settings = worker_settings(tmp_path, kafka, topics)
    command = Command(tmp_path, settings, names="ab", processes=2)
    commands.append(command)
    wait_until(lambda: len(command.events("worker_started")) == 2, what="two processes")
    # They have hardly begun to start: the signal would end them if it were not held back.
    command.reload("unchanged", processes=2)
    command.configure(tmp_path / "b")
    command.reload("switched", processes=2)
    os.kill(command.worker.pids()[0], signal.SIGKILL)
    wait_until(lambda: len(command.events("starting")) == 3, what="the process started again")
    b = command.detectors["b"].digest
    assert command.events("starting")[-1]["detector_digest"] == b
    command.reload("unchanged", processes=2)
    assert len(command.events("worker_died")) == 1
    publish(kafka, topics["posts"], [json.dumps({"id": f"p{n}", "text": "x"}).encode() for n in range(100)])
    wait_until(lambda: all_decided(kafka, settings), what="the posts")
    assert command.worker.stop() == 0
    assert Counter(flag.digest for flag in _flags(kafka, topics["flags"])) == {b: 100}


def test_what_one_process_can_not_start_with_leaves_the_others_at_work(
    kafka: str, topics: dict[str, str], tmp_path: Path, commands: list[Command]
) -> None:
    settings = worker_settings(tmp_path, kafka, topics)
    command = Command(tmp_path, settings, names="ab", processes=2)
    commands.append(command)
    wait_until(lambda: len(command.events("starting")) == 2, what="two processes")
    command.configure(tmp_path / "nothing-there")
    command.reload("refused", processes=2)
    os.kill(command.worker.pids()[0], signal.SIGKILL)
    wait_until(lambda: command.worker.log().count("nothing-there") > 2, what="a start that fails")
    publish(kafka, topics["posts"], [json.dumps({"id": f"p{n}", "text": "x"}).encode() for n in range(100)])
    wait_until(lambda: all_decided(kafka, settings), what="the posts")
    command.configure(tmp_path / "b")
    wait_until(lambda: len(command.events("starting")) == 3, what="the start that goes well")
    assert command.worker.stop() == 0
    flags = _flags(kafka, topics["flags"])
    assert Counter(flag.digest for flag in flags) == {command.detectors["a"].digest: 100}
