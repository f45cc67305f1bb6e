from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Protocol

import psutil
import pytest

from tests.support.independent_reader import committed_records
from tests.support.posts import posts
from tests.support.running import all_decided, publish, worker_settings
from tests.support.waiting import PATIENCE_S, wait_until
from tests.support.worker import WorkerProcesses
from worker.settings import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.topics import TopicFactory
    from worker.settings import Settings


@pytest.fixture
def topics(kafka: str, topic: TopicFactory) -> dict[str, str]:
    del kafka
    return {
        "posts": topic("posts", partitions=6),
        "flags": topic("flags"),
        "dead_letters": topic("dead-letters"),
    }


class Starter(Protocol):
    def __call__(self, settings: Settings, folder: Path, **more: str) -> WorkerProcesses: ...


@pytest.fixture
def start() -> Iterator[Starter]:
    """Starts `flagstaff run` with the settings of a test; ends what the test leaves behind."""
    started: list[WorkerProcesses] = []

    def begin(settings: Settings, folder: Path, **more: str) -> WorkerProcesses:
        plain = {
            "KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
            "KAFKA__GROUP_ID": settings.kafka.group_id,
            "KAFKA__TRANSACTIONAL_ID_PREFIX": settings.kafka.transactional_id_prefix,
            "KAFKA__SESSION_TIMEOUT_MS": str(settings.kafka.session_timeout_ms),
            "TOPICS__POSTS": settings.topics.posts,
            "TOPICS__FLAGS": settings.topics.flags,
            "TOPICS__DEAD_LETTERS": settings.topics.dead_letters,
            "DETECTOR__MODEL": "constant",
            "EMIT": "all",
            "HTTP__PORT": "0",
        }
        folder.mkdir(exist_ok=True)
        started.append(WorkerProcesses(plain | more, folder, folder / "log"))
        started[-1].start()
        return started[-1]

    yield begin
    for worker in started:
        worker.close()


def _values(count: int, start: int = 0) -> list[bytes]:
    return [json.dumps(post | {"id": f"p{start + n}"}).encode() for n, post in enumerate(posts(count))]


def test_killed_processes_are_started_again_and_sigterm_ends_all_with_code_0(
    kafka: str, topics: dict[str, str], tmp_path: Path, start: Starter
) -> None:
    settings = worker_settings(tmp_path, kafka, topics)
    worker = start(settings, tmp_path, PROCESSES="2")
    turn = random.Random(1)  # noqa: S311 - reproducible, not secret
    publish(kafka, topics["posts"], _values(1000))
    wait_until(lambda: all_decided(kafka, settings), what="the first posts")
    before = set(worker.pids())
    assert len(before) == 2
    worker.kill_one(turn)
    publish(kafka, topics["posts"], _values(1000, start=1000))
    wait_until(lambda: all_decided(kafka, settings), what="the posts after the kill")
    wait_until(lambda: len(worker.pids()) == 2, what="the second process")
    after = set(worker.pids())
    assert len(before & after) == 1
    assert worker.stop() == 0
    assert not any(psutil.pid_exists(pid) for pid in after)
    seen = Counter(
        json.loads(record.value())["post_id"] for record in committed_records(kafka, topics["flags"])
    )
    assert seen == Counter({f"p{number}": 1 for number in range(2000)})


def test_the_processes_end_with_their_supervisor_whatever_ends_it(
    kafka: str, topics: dict[str, str], tmp_path: Path, start: Starter
) -> None:
    settings = worker_settings(tmp_path, kafka, topics)
    worker = start(settings, tmp_path, PROCESSES="2")
    publish(kafka, topics["posts"], _values(10))
    wait_until(lambda: all_decided(kafka, settings), what="the posts")
    pids = worker.pids()
    os.kill(worker.process.pid, signal.SIGKILL)
    worker.wait()
    wait_until(lambda: not any(psutil.pid_exists(pid) for pid in pids), what="the end of the processes")


def test_a_breaker_ends_the_command_with_code_3(
    kafka: str, topics: dict[str, str], tmp_path: Path, start: Starter
) -> None:
    settings = worker_settings(tmp_path, kafka, topics)
    publish(kafka, topics["posts"], [b"{not json"] * 200)
    worker = start(settings, tmp_path, BREAKER__MAX_RUN="100")
    assert worker.wait() == 3
    assert "dead letters (breaker.max_run)" in worker.log()


def test_two_commands_with_one_transactional_id_are_not_started_again_and_again(
    kafka: str, topics: dict[str, str], tmp_path: Path, start: Starter
) -> None:
    settings = worker_settings(tmp_path, kafka, topics)
    both = [start(settings, tmp_path / name, STREAM__MAX_FENCED="2") for name in ("a", "b")]
    sent = 0
    # Both have to have something to publish until one of them is fenced, however slowly they start.
    deadline = time.monotonic() + PATIENCE_S
    while all(worker.process.poll() is None for worker in both):
        assert time.monotonic() < deadline, "neither was fenced"
        publish(kafka, topics["posts"], _values(50, start=sent))
        sent += 50
        time.sleep(0.02)
    (ended,) = [worker for worker in both if worker.process.poll() is not None]
    assert ended.wait() == 1
    assert "another worker uses the transactional id" in ended.log()
    (other,) = [worker for worker in both if worker is not ended]
    wait_until(lambda: all_decided(kafka, settings), what="the end of the topic")
    assert other.stop() == 0


def test_a_worker_that_was_frozen_while_another_took_over_doubles_nothing(
    kafka: str, topics: dict[str, str], tmp_path: Path, start: Starter
) -> None:
    settings = worker_settings(tmp_path, kafka, topics)
    first, second = (f"{topics['posts']}-{name}" for name in ("frozen", "heir"))
    frozen = start(settings, tmp_path / "frozen", KAFKA__TRANSACTIONAL_ID_PREFIX=first)
    publish(kafka, topics["posts"], _values(500))
    wait_until(lambda: all_decided(kafka, settings), what="the first posts")
    (pid,) = frozen.pids()
    publish(kafka, topics["posts"], _values(5000, start=500))
    os.kill(pid, signal.SIGSTOP)
    heir = start(settings, tmp_path / "heir", KAFKA__TRANSACTIONAL_ID_PREFIX=second)
    wait_until(lambda: all_decided(kafka, settings), what="the posts of the frozen worker")
    os.kill(pid, signal.SIGCONT)
    publish(kafka, topics["posts"], _values(500, start=5500))
    wait_until(lambda: all_decided(kafka, settings), what="the last posts")
    assert (frozen.stop(), heir.stop()) == (0, 0)
    seen = Counter(
        json.loads(record.value())["post_id"] for record in committed_records(kafka, topics["flags"])
    )
    assert seen == Counter({f"p{number}": 1 for number in range(6000)})


def test_embedded_starts_its_own_kafka_and_valkey_and_says_where(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    ours = {"DATA_DIR": str(tmp_path), "HTTP__PORT": "0", "EMIT": "all"}
    with subprocess.Popen(
        [sys.executable, "-m", "worker.commands", "run", "--embedded"],
        env=environ | {f"{PREFIX}{name}": value for name, value in ours.items()},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as command:
        assert command.stdout is not None
        places = json.loads(command.stdout.readline())
        publish(places["bootstrap_servers"], "posts", _values(10))
        wait_until(
            lambda: len(committed_records(places["bootstrap_servers"], "flags")) == 10, what="ten flags"
        )
        assert places["redis_url"].startswith("redis://")
        command.send_signal(signal.SIGTERM)
        assert command.wait(PATIENCE_S) == 0


def test_ctrl_c_ends_it_with_code_130(
    kafka: str, topics: dict[str, str], tmp_path: Path, start: Starter
) -> None:
    settings = worker_settings(tmp_path, kafka, topics)
    worker = start(settings, tmp_path)
    publish(kafka, topics["posts"], _values(10))
    wait_until(lambda: all_decided(kafka, settings), what="the posts")
    worker.process.send_signal(signal.SIGINT)
    assert worker.wait() == 130


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("EMIT", "some", "emit (FLAGSTAFF_EMIT)"),
        ("KAFKA__BOOTSTRAP_SERVERS", "", "FLAGSTAFF_KAFKA__BOOTSTRAP_SERVERS"),
        ("POLICY__FILE", "/no/such/policy.yaml", "/no/such/policy.yaml"),
        ("DETECTOR__MODEL", "/no/such/model", "/no/such/model"),
        ("ACTION_RATE__USUAL_LEAST", "0.5", "FLAGSTAFF_ACTION_RATE__USUAL_LEAST"),
    ],
)
def test_a_wrong_setting_is_one_line_and_nothing_starts(
    tmp_path: Path, name: str, value: str, said: str
) -> None:
    servers = {"KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1", "HTTP__PORT": "0"}
    worker = WorkerProcesses(servers | {name: value}, tmp_path, tmp_path / "log")
    worker.start()
    assert worker.wait() in {1, 2}
    (line,) = [line for line in worker.log().splitlines() if line.startswith("flagstaff: ")]
    assert said in line
    assert "Traceback" not in worker.log()
