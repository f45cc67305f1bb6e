"""One bad post harms one post: also when it kills the process that reads it."""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.support import faulty_detector as faulty
from tests.support.faulty_detector import FaultyDetector
from tests.support.independent_reader import committed_records
from tests.support.posts import posts
from tests.support.running import all_decided, publish, running, worker_settings
from tests.support.waiting import wait_until
from tests.support.worker import WorkerProcesses
from worker.detector.constant import ConstantDetector

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.topics import TopicFactory

COUNT = 256
COMMAND = (sys.executable, "-m", "tests.support.faulty_worker")
SAID = {
    faulty.RAISES: "can't be scored",
    faulty.GIVES_NAN: "nan",
    faulty.EXITS: "exit code 9",
    faulty.KILLS: "SIGKILL",
    faulty.KILLS_ENCODING: "SIGKILL",
}
CONTRACT = {"flagstaff-error", "flagstaff-stage", "flagstaff-source", "flagstaff-attempts"}


@pytest.fixture
def topics(kafka: str, topic: TopicFactory) -> dict[str, str]:
    return {
        "posts": topic("posts", partitions=1, servers=kafka),
        "flags": topic("flags", partitions=2, servers=kafka),
        "dead_letters": topic("dead-letters", servers=kafka),
    }


def _values(bad: Mapping[int, str]) -> list[bytes]:
    """So many posts as bytes; those with the given numbers hold the given word."""
    made = [post | {"text": f"{post['text']} {number}"} for number, post in enumerate(posts(COUNT))]
    for number, word in bad.items():
        made[number]["text"] = f"this post is {word}, or so it says"
    # Spaces and an unknown field, so that a record encoded again would not have the same bytes.
    return [json.dumps(post | {"unknown": "\u00e9"}, indent=1).encode() for post in made]


def _check(servers: str, topics: dict[str, str], values: list[bytes], bad: Mapping[int, str]) -> None:
    """Checks that the bad posts are dead letters, unchanged, and all others decided once."""
    flags = committed_records(servers, topics["flags"])
    decided = Counter(json.loads(flag.value())["post_id"] for flag in flags)
    assert decided == Counter(f"p{number}" for number in range(COUNT) if number not in bad)
    letters = sorted(committed_records(servers, topics["dead_letters"]), key=lambda letter: int(letter.key()))
    assert [int(letter.key()) for letter in letters] == sorted(bad)
    for letter in letters:
        number = int(letter.key())
        assert letter.value() == values[number]
        headers = letter.headers()
        assert headers[0] == ("traceparent", b"00-aa-bb-01")
        ours = dict(headers[1:])
        assert ours.keys() == CONTRACT
        assert ours["flagstaff-stage"] == b"detect"
        assert ours["flagstaff-source"] == f"{topics['posts']}/0/{number}".encode()
        assert ours["flagstaff-attempts"] == b"1"
        assert SAID[bad[number]] in ours["flagstaff-error"].decode()


@pytest.mark.parametrize("word", [faulty.RAISES, faulty.GIVES_NAN])
def test_a_post_on_which_the_detector_fails_is_the_only_dead_letter_of_its_batch(
    kafka: str, topics: dict[str, str], tmp_path: Path, word: str
) -> None:
    bad = {100: word}
    values = _values(bad)
    publish(kafka, topics["posts"], values)
    settings = worker_settings(tmp_path, kafka, topics)
    with running(settings, detector=FaultyDetector(ConstantDetector())):
        wait_until(lambda: all_decided(kafka, settings), what="the end of the topic")
    _check(kafka, topics, values, bad)


def test_a_full_device_makes_no_dead_letters(kafka: str, topics: dict[str, str], tmp_path: Path) -> None:
    values = _values({})
    publish(kafka, topics["posts"], values)
    settings = worker_settings(tmp_path, kafka, topics)
    with running(settings, detector=FaultyDetector(ConstantDetector(), most_tokens=200)):
        wait_until(lambda: all_decided(kafka, settings), what="the end of the topic")
    _check(kafka, topics, values, {})


@pytest.fixture
def worker(kafka: str, topics: dict[str, str], tmp_path: Path) -> Iterator[WorkerProcesses]:
    """A supervisor with one worker process whose detector is faulty; to be started."""
    settings = {
        "KAFKA__BOOTSTRAP_SERVERS": kafka,
        "KAFKA__GROUP_ID": f"group-{topics['posts']}",
        "KAFKA__TRANSACTIONAL_ID_PREFIX": f"tx-{topics['posts']}",
        "KAFKA__SESSION_TIMEOUT_MS": "3000",
        "TOPICS__POSTS": topics["posts"],
        "TOPICS__FLAGS": topics["flags"],
        "TOPICS__DEAD_LETTERS": topics["dead_letters"],
        "DETECTOR__MODEL": "constant",
        # Several batches: what follows a deadly one is in flight with it.
        "DETECTOR__TOKEN_BUDGET": "1024",
        "DETECTOR__ISOLATION_TIMEOUT_S": "3",
        "EMIT": "all",
        "HTTP__PORT": "0",
    }
    processes = WorkerProcesses(settings, tmp_path / "data", tmp_path / "log", COMMAND)
    processes.start()
    try:
        yield processes
    finally:
        processes.stop()


@pytest.mark.parametrize(
    "bad",
    [
        {100: faulty.KILLS},
        {100: faulty.KILLS_ENCODING},
        {100: faulty.KILLS, 103: faulty.EXITS},
        {30: faulty.KILLS, 250: faulty.KILLS},
    ],
    ids=["killing", "killing-encoding", "two-in-a-batch", "two-in-two-batches"],
)
def test_a_post_that_kills_its_process_is_a_dead_letter_and_all_others_are_decided_once(
    kafka: str, topics: dict[str, str], tmp_path: Path, worker: WorkerProcesses, bad: dict[int, str]
) -> None:
    values = _values(bad)
    publish(kafka, topics["posts"], values)
    settings = worker_settings(tmp_path, kafka, topics)
    wait_until(lambda: all_decided(kafka, settings), what="the end of the topic")
    _check(kafka, topics, values, bad)
    assert "worker_died" in worker.log()
