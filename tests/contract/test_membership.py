"""Static membership: who keeps which partitions when workers restart, go, or are started twice."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from kafka.errors import KafkaError

from tests.support.independent_reader import committed_records
from tests.support.posts import posts
from tests.support.running import all_decided, publish, running, worker_settings
from tests.support.topics import administrator
from tests.support.waiting import PATIENCE_S, wait_until
from tests.support.worker import WorkerProcesses

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.topics import TopicFactory

_SESSION_S = 6.0


@pytest.fixture
def topics(topic: TopicFactory, kafka: str) -> dict[str, str]:
    return {
        "posts": topic("posts", servers=kafka, partitions=4),
        "flags": topic("flags", servers=kafka),
        "dead_letters": topic("dead-letters", servers=kafka),
    }


def _members(servers: str, group: str) -> dict[str, int]:
    """How many partitions each member has, by its group instance id."""
    with administrator(servers) as admin:
        try:
            described = admin.describe_groups([group])[group]
        except KafkaError:
            return {}  # the coordinator is not there yet
    return {
        member["group_instance_id"]: sum(len(topic["partitions"]) for topic in _assigned(member))
        for member in described["members"]
    }


def _assigned(member: dict[str, Any]) -> list[dict[str, Any]]:
    # Empty text while it has none.
    assignment = member["member_assignment"]
    return assignment["assigned_partitions"] if assignment else []


def _command(servers: str, topics: dict[str, str], folder: Path, **more: str) -> WorkerProcesses:
    folder.mkdir()
    plain = {
        "KAFKA__BOOTSTRAP_SERVERS": servers,
        "KAFKA__GROUP_ID": f"group-{topics['posts']}",
        "KAFKA__GROUP_INSTANCE_ID": "pod-0",
        "KAFKA__SESSION_TIMEOUT_MS": "6000",
        "TOPICS__POSTS": topics["posts"],
        "TOPICS__FLAGS": topics["flags"],
        "TOPICS__DEAD_LETTERS": topics["dead_letters"],
        "ACTION_RATE__ENABLED": "false",
        "DETECTOR__MODEL": "constant",
        "HTTP__PORT": "0",
    }
    return WorkerProcesses(plain | more, folder, folder / "log")


def test_each_process_of_a_command_has_a_membership_of_its_own_and_keeps_it(
    kafka: str, topics: dict[str, str], tmp_path: Path
) -> None:
    command = _command(kafka, topics, tmp_path / "pod", PROCESSES="2", KAFKA__SESSION_TIMEOUT_MS="60000")
    group = f"group-{topics['posts']}"
    shared = {"pod-0-0": 2, "pod-0-1": 2}
    try:
        command.start()
        wait_until(lambda: _members(kafka, group) == shared, what="both memberships")
        assert command.stop() == 0
        assert _members(kafka, group) == shared
    finally:
        command.close()


def test_a_command_whose_membership_is_taken_over_ends_with_one_line(
    kafka: str, topics: dict[str, str], tmp_path: Path
) -> None:
    group = f"group-{topics['posts']}"
    first = _command(kafka, topics, tmp_path / "first", KAFKA__TRANSACTIONAL_ID_PREFIX="first")
    second = _command(kafka, topics, tmp_path / "second", KAFKA__TRANSACTIONAL_ID_PREFIX="second")
    sent = 0
    try:
        first.start()
        wait_until(lambda: _members(kafka, group) == {"pod-0-0": 4}, what="the first")
        second.start()
        # kafka-python goes on reading after it was displaced: the next transaction tells.
        deadline = time.monotonic() + PATIENCE_S
        while first.process.poll() is None and time.monotonic() < deadline:
            publish(kafka, topics["posts"], [json.dumps(post).encode() for post in posts(20)])
            sent += 20
            time.sleep(0.5)
        assert first.wait() == 1
        (line,) = [line for line in first.log().splitlines() if line.startswith("flagstaff: ")]
        assert "FLAGSTAFF_KAFKA__GROUP_INSTANCE_ID" in line
        assert second.stop() == 0
    finally:
        first.close()
        second.close()


def test_partitions_of_a_static_worker_that_does_not_come_back_wait_for_the_session_and_no_longer(
    kafka: str, topics: dict[str, str], tmp_path: Path
) -> None:
    group = f"group-{topics['posts']}"
    one, other = (
        worker_settings(tmp_path / name, kafka, topics, KAFKA__GROUP_INSTANCE_ID=name)
        for name in ("pod-0", "pod-1")
    )
    with running(one):
        with running(other):
            shared = {"pod-0-0": 2, "pod-1-0": 2}
            wait_until(lambda: _members(kafka, group) == shared, what="both memberships")
        gone = time.monotonic()
        publish(kafka, topics["posts"], [json.dumps(post).encode() for post in posts(200)])
        wait_until(lambda: all_decided(kafka, one), what="the posts of all partitions")
        assert time.monotonic() - gone > _SESSION_S / 2
    seen = Counter(json.loads(flag.value())["post_id"] for flag in committed_records(kafka, topics["flags"]))
    assert seen == Counter({f"p{number}": 1 for number in range(200)})
