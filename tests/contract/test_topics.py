"""`flagstaff topics` against a real Kafka."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command import Ended, flagstaff
from tests.support.topics import administrator, create_topic, unique_name
from worker.settings import TopicSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMES = TopicSettings().__struct_fields__


@pytest.fixture
def settings(kafka: str) -> dict[str, str]:
    """Topics of this test's own, of which none exists yet; one broker, so one copy."""
    own = {f"TOPICS__{name.upper()}": unique_name(name) for name in _NAMES}
    return own | {
        "KAFKA__BOOTSTRAP_SERVERS": kafka,
        "TOPIC_SHAPE__REPLICATION": "1",
        "TOPIC_SHAPE__PARTITIONS": "3",
    }


def _plan(settings: Mapping[str, str], *arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Exit code, and the plan by setting."""
    ended = flagstaff("topics", "--json", *arguments, settings=settings)
    return ended.code, {one["setting"]: one for one in json.loads(ended.out)["topics"]}


def _statuses(settings: Mapping[str, str], *arguments: str) -> tuple[int, set[str]]:
    code, plan = _plan(settings, *arguments)
    return code, {one["status"] for one in plan.values()}


def test_topics_are_planned_made_and_then_fine(kafka: str, settings: dict[str, str]) -> None:
    assert _statuses(settings) == (0, {"create"})
    assert _statuses(settings, "--check") == (1, {"create"})
    with administrator(kafka) as admin:
        assert not {settings[f"TOPICS__{name.upper()}"] for name in _NAMES} & set(admin.list_topics())
    assert _statuses(settings, "--apply", "--check") == (0, {"fine"})
    assert _statuses(settings, "--check") == (0, {"fine"})
    with administrator(kafka) as admin:
        names = [settings["TOPICS__FLAGS"], settings["TOPICS__STAGES"]]
        described = {one["name"]: len(one["partitions"]) for one in admin.describe_topics(names)}
    assert described == {names[0]: 3, names[1]: 1}


def test_what_deviates_is_changed_and_what_only_a_person_may_mend_is_said(
    kafka: str, settings: dict[str, str]
) -> None:
    create_topic(kafka, settings["TOPICS__POSTS"], partitions=2, config={"retention.ms": "-1"})
    create_topic(kafka, settings["TOPICS__DEAD_LETTERS"], partitions=3)
    create_topic(kafka, settings["TOPICS__STAGES"], partitions=2)
    create_topic(kafka, settings["TOPICS__FLAGS"], partitions=5)
    shown = flagstaff("topics", "--apply", settings=settings)
    assert shown.code == 0, shown.err
    assert "2 -> 3" in shown.out
    code, plan = _plan(settings, "--check")
    assert code == 1
    differs = {name: one["deviations"] for name, one in plan.items() if one["status"] != "fine"}
    assert {name: [one["what"] for one in some] for name, some in differs.items()} == {
        "posts": ["retention.ms"],
        "stages": ["partitions"],
    }
    assert all(one["by_hand"] for some in differs.values() for one in some)
    with administrator(kafka) as admin:
        described = {
            one["name"]: len(one["partitions"])
            for one in admin.describe_topics([settings["TOPICS__POSTS"], settings["TOPICS__FLAGS"]])
        }
    assert described == {settings["TOPICS__POSTS"]: 3, settings["TOPICS__FLAGS"]: 5}


def test_a_topic_of_somebody_else_is_left_alone(settings: dict[str, str]) -> None:
    _, plan = _plan(settings, "--apply", "--leave", settings["TOPICS__POSTS"])
    assert "posts" not in plan
    assert _plan(settings)[1]["posts"]["status"] == "create"


def _refused(ended: Ended, code: int, said: str) -> None:
    assert ended.code == code
    (line,) = ended.said
    assert said in line


def test_more_copies_than_brokers_are_one_line_and_nothing_is_made(settings: dict[str, str]) -> None:
    many = settings | {"TOPIC_SHAPE__REPLICATION": "3"}
    _refused(flagstaff("topics", "--apply", settings=many), 2, "TOPIC_SHAPE__REPLICATION")
    assert _statuses(settings) == (0, {"create"})


def test_what_the_brokers_refuse_is_one_line(settings: dict[str, str]) -> None:
    wrong = settings | {"TOPICS__POSTS": "no/such name"}
    _refused(flagstaff("topics", "--apply", settings=wrong), 1, "no/such name")


def test_a_broker_that_is_away_is_one_line() -> None:
    away = {"KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1", "KAFKA__REQUEST_TIMEOUT_MS": "1000"}
    _refused(flagstaff("topics", settings=away), 1, "127.0.0.1:1")


def test_acls_need_no_broker_and_a_principal() -> None:
    ended = flagstaff("topics", "--acls", "send", "--principal", "User:platform")
    assert ended.code == 0
    assert ended.out.splitlines()[-1] == (
        "kafka-acls.sh --bootstrap-server localhost:9092 --add --allow-principal User:platform "
        "--operation Write --topic posts"
    )
    listed = flagstaff("topics", "--acls", "worker", "--principal", "User:w", "--json")
    assert {one["kind"] for one in json.loads(listed.out)["rights"]} == {"topic", "group", "transactional-id"}
    assert flagstaff("topics", "--acls", "send").code == 2
    assert flagstaff("topics", "--acls", "send", "--principal", "nobody").code == 2
    assert flagstaff("topics", "--principal", "User:w").code == 2
