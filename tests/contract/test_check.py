"""`flagstaff check` against real servers, one of which asks for rights."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from kafka import ConsumerRebalanceListener, KafkaConsumer
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType

from tests.support.command import flagstaff
from tests.support.topics import TopicFactory, administrator, create_topic, unique_name
from tests.support.waiting import PATIENCE_S
from worker.checks.brokers import check_brokers
from worker.checks.local import check_local
from worker.checks.redis_server import check_redis
from worker.embedded import ClientSecurity, EmbeddedKafka
from worker.settings import RedisSettings, Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker.checks.finding import Finding

USER, WORD = "worker", "a-word-for-tests"
WIDE = {"max.message.bytes": str(2 * 2**20)}


def settings_with(**variables: str) -> Settings:
    return load_settings(None, {f"FLAGSTAFF_{name}": value for name, value in variables.items()})


class Names:
    """Names of topics and group for one test."""

    def __init__(self) -> None:
        self.posts, self.flags, self.letters, self.decisions, self.holds, self.group = (
            unique_name(name) for name in ("posts", "flags", "letters", "decisions", "holds", "group")
        )

    def settings(self, servers: str, timeout_ms: int = 5_000, **more: str) -> Settings:
        return settings_with(
            KAFKA__BOOTSTRAP_SERVERS=servers,
            KAFKA__GROUP_ID=self.group,
            KAFKA__REQUEST_TIMEOUT_MS=str(timeout_ms),
            TOPICS__POSTS=self.posts,
            TOPICS__FLAGS=self.flags,
            TOPICS__DEAD_LETTERS=self.letters,
            TOPICS__DECISIONS=self.decisions,
            TOPICS__HOLDS=self.holds,
            **more,
        )


@pytest.fixture
def names() -> Names:
    return Names()


def report(settings: Settings) -> dict[str, Finding]:
    return {finding.what: finding for finding in check_brokers(settings)}


def test_all_is_well_where_everything_is_there(broker: str, topic: TopicFactory, names: Names) -> None:
    names.posts = topic("posts", servers=broker, partitions=3)
    names.flags = topic("flags", servers=broker)
    names.letters = topic("letters", servers=broker, config=WIDE)
    names.decisions = topic("decisions", servers=broker)
    names.holds = topic("holds", servers=broker, config={"cleanup.policy": "compact"})
    lines = report(names.settings(broker))
    assert {line.status for line in lines.values()} == {"ok"}, lines
    assert lines[f"topic {names.posts}"].detail.startswith("partitions: 3, copies:")
    assert next(iter(lines)) == "brokers"
    assert {f"group {names.group}", "transactional ids flagstaff-*"} <= lines.keys()


def test_what_is_missing_or_narrow_is_named(kafka: str, topic: TopicFactory, names: Names) -> None:
    names.posts = topic("posts")
    names.letters = topic("letters")
    lines = report(names.settings(kafka, PROCESSES="2", KAFKA__TRANSACTION_TIMEOUT_MS="99999999"))
    assert lines[f"topic {names.posts}"].status == "warn"
    assert "fewer than the 2 processes" in lines[f"topic {names.posts}"].detail
    assert (lines[f"topic {names.flags}"].status, lines[f"topic {names.flags}"].detail) == (
        "fail",
        "does not exist: create it",
    )
    assert lines[f"topic {names.letters}"].status == "warn"
    assert "max.message.bytes" in lines[f"topic {names.letters}"].detail
    assert lines[f"topic {names.decisions}"].status == "warn"
    assert lines[f"topic {names.holds}"].status == "warn"
    assert lines[f"topic {names.holds}"].detail.startswith("does not exist: create it; a tripped action-rate")
    names.holds = topic("holds")
    forgets = report(names.settings(kafka))[f"topic {names.holds}"]
    assert (forgets.status, "cleanup.policy is delete" in forgets.detail) == ("warn", True)
    assert "transaction.max.timeout.ms" in lines["transactional ids flagstaff-*"].detail
    names.posts = unique_name("nothing")
    lines = report(names.settings(kafka))
    assert lines[f"topic {names.posts}"].status == "fail"
    assert f"group {names.group}" not in lines


def test_appeals_are_looked_at_where_a_console_is_configured(
    kafka: str, topic: TopicFactory, names: Names
) -> None:
    names.posts = topic("posts")
    missing, there = unique_name("appeals"), topic("appeals")
    console = {"REVIEW__HOW_TO_APPEAL": "Write to us."}
    assert f"topic {missing}" not in report(names.settings(kafka, TOPICS__APPEALS=missing))
    line = report(names.settings(kafka, 5_000, TOPICS__APPEALS=missing, **console))[f"topic {missing}"]
    # The worker goes on without it, the console does not.
    assert (line.status, line.detail) == ("warn", "does not exist: create it")
    line = report(names.settings(kafka, 5_000, TOPICS__APPEALS=there, **console))[f"topic {there}"]
    assert (line.status, line.detail) == ("ok", "partitions: 1, copies: 1")


def test_a_challenger_needs_its_topics_and_has_its_findings(
    kafka: str, topic: TopicFactory, names: Names
) -> None:
    names.posts = topic("posts")
    plain = report(names.settings(kafka))
    assert not any("shadow" in what or "stages" in what for what in plain)
    more = {"STAGE__MODEL": "constant", "TOPICS__SHADOW": "no-shadow", "TOPICS__STAGES": "no-stages"}
    lines = report(names.settings(kafka, 5_000, **more))
    assert lines["topic no-shadow"].status == "warn"
    assert lines["topic no-stages"].status == "fail"
    several, kept = topic("stages", partitions=2), topic("stages", config={"cleanup.policy": "delete"})
    good = topic("stages", config={"cleanup.policy": "compact"})
    for name, status, said in (
        (several, "fail", "several partitions"),
        (kept, "warn", "not compact"),
        (good, "ok", "partitions: 1"),
    ):
        line = report(names.settings(kafka, 5_000, **more | {"TOPICS__STAGES": name}))[f"topic {name}"]
        assert line.status == status
        assert said in line.detail
    found = {
        one.what: one for one in check_local(names.settings(kafka, STAGE__POLICY_FILE="/nowhere/policy.yaml"))
    }
    assert found["challenger's policy"].status == "fail"
    assert found["challenger's detector"].detail == found["detector"].detail


def test_a_group_at_work_is_left_alone(kafka: str, topic: TopicFactory, names: Names) -> None:
    names.posts = topic("posts")
    revoked: list[Any] = []
    given: list[Any] = []
    assigned = threading.Event()

    class Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python is untyped
        def on_partitions_revoked(self, partitions: Any) -> None:
            revoked.extend(partitions)

        def on_partitions_assigned(self, partitions: Any) -> None:
            given.extend(partitions)
            # Who joins before it knows of the topic is given none at first.
            if given:
                assigned.set()

    consumer = KafkaConsumer(bootstrap_servers=kafka, group_id=names.group, heartbeat_interval_ms=100)
    consumer.subscribe([names.posts], listener=Listener())
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            consumer.poll(timeout_ms=100)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert assigned.wait(PATIENCE_S)
        lines = report(names.settings(kafka))
        assert lines[f"group {names.group}"] == (
            "ok",
            f"group {names.group}",
            "members: 1",
        )
        assert (len(given), revoked) == (1, [])
    finally:
        stop.set()
        thread.join()
        consumer.close()


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        ({"BOOTSTRAP_SERVERS": "127.0.0.1:1"}, "ECONNREFUSED"),
        ({"CLIENT__SECURITY_PROTOCOL": "SSL"}, "Handshake failed"),
        ({"CLIENT__NO_SUCH_OPTION": "1"}, "kafka.client.no_such_option"),
        ({"BOOTSTRAP_SERVERS": ""}, "FLAGSTAFF_KAFKA__BOOTSTRAP_SERVERS"),
    ],
)
def test_a_broker_that_can_not_be_used_is_one_finding_with_the_reason(
    kafka: str, client: dict[str, str], expected: str
) -> None:
    variables = {"BOOTSTRAP_SERVERS": kafka, "REQUEST_TIMEOUT_MS": "1500"} | client
    settings = settings_with(**{f"KAFKA__{name}": value for name, value in variables.items()})
    (line,) = check_brokers(settings)
    assert (line.status, line.what) == ("fail", "brokers")
    assert expected in line.detail


@pytest.fixture(scope="module")
def strict_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    security = ClientSecurity(users={USER: WORD}, authorize=True)
    with EmbeddedKafka(tmp_path_factory.mktemp("strict"), keep=False, security=security) as kafka:
        yield kafka


def grant(kafka: EmbeddedKafka, *rights: tuple[ResourceType, str, ACLOperation]) -> None:
    with administrator(kafka.internal_servers) as admin:
        admin.create_acls(
            [
                ACL(f"User:{USER}", "*", operation, ACLPermissionType.ALLOW, ResourcePattern(kind, name))
                for kind, name, operation in rights
            ]
        )


def as_user(
    names: Names, kafka: EmbeddedKafka, word: str = WORD, timeout_ms: int = 5_000, **more: str
) -> Settings:
    return names.settings(
        kafka.bootstrap_servers,
        timeout_ms,
        KAFKA__CLIENT__SECURITY_PROTOCOL="SASL_PLAINTEXT",
        KAFKA__CLIENT__SASL_MECHANISM="SCRAM-SHA-512",
        KAFKA__CLIENT__SASL_PLAIN_USERNAME=USER,
        KAFKA__CLIENT__SASL_PLAIN_PASSWORD=word,
        **more,
    )


def test_each_missing_right_is_named_and_the_granted_ones_suffice(
    strict_kafka: EmbeddedKafka, names: Names
) -> None:
    for name in (names.posts, names.flags, names.letters, names.decisions):
        create_topic(strict_kafka.internal_servers, name, config=WIDE)
    settings = as_user(names, strict_kafka, KAFKA__TRANSACTIONAL_ID_PREFIX=names.group)
    lines = report(settings)
    assert lines["brokers"].status == "ok"
    assert "no right to DESCRIBE it" in lines[f"topic {names.posts}"].detail
    assert "the right to WRITE with a transactional id" in lines[f"transactional ids {names.group}-*"].detail

    grant(
        strict_kafka,
        (ResourceType.TOPIC, names.posts, ACLOperation.READ),
        (ResourceType.TOPIC, names.flags, ACLOperation.DESCRIBE),
        (ResourceType.GROUP, names.group, ACLOperation.DESCRIBE),
    )
    lines = report(settings)
    assert lines[f"topic {names.posts}"].status == "ok"
    assert lines[f"topic {names.flags}"].detail == "no right to WRITE it"
    assert lines[f"group {names.group}"].status == "fail"
    assert "the right to READ its consumer group" in lines[f"group {names.group}"].detail

    grant(
        strict_kafka,
        (ResourceType.TOPIC, names.flags, ACLOperation.WRITE),
        (ResourceType.TOPIC, names.letters, ACLOperation.WRITE),
        (ResourceType.GROUP, names.group, ACLOperation.READ),
        (ResourceType.TRANSACTIONAL_ID, f"{names.group}-check", ACLOperation.WRITE),
    )
    lines = report(settings)
    assert [line for line in lines.values() if line.status == "fail"] == []
    assert lines[f"topic {names.decisions}"].status == "warn"


def test_a_wrong_password_is_said_to_be_one_and_not_shown(strict_kafka: EmbeddedKafka, names: Names) -> None:
    (line,) = check_brokers(as_user(names, strict_kafka, word="not-the-word", timeout_ms=2_500))
    assert line.status == "fail"
    assert "Authentication failed" in line.detail or "or password" in line.detail
    assert "not-the-word" not in line.detail
    (line,) = check_brokers(names.settings(strict_kafka.bootstrap_servers, 1_500))
    assert line.status == "fail"
    assert "security_protocol" in line.detail


def test_redis_is_tried_out(redis_url: str) -> None:
    (line,) = check_redis(RedisSettings(url=redis_url))
    assert line.status == "ok"
    assert " ms" in line.detail


@pytest.mark.parametrize(
    ("url", "status", "expected"),
    [
        ("", "warn", "none is named"),
        ("redis://:hunter2@127.0.0.1:1/0", "fail", "Connection refused"),
        ("http://cache", "fail", "FLAGSTAFF_REDIS__URL"),
    ],
)
def test_a_redis_that_can_not_be_used_is_named(url: str, status: str, expected: str) -> None:
    (line,) = check_redis(RedisSettings(url=url))
    assert line.status == status
    assert expected in line.detail
    assert "hunter2" not in line.detail


def test_the_command_prints_a_line_each_and_exits_with_the_worst(
    kafka: str, topic: TopicFactory, names: Names, embedded_valkey: Any, tmp_path: Path
) -> None:
    settings = {
        "KAFKA__BOOTSTRAP_SERVERS": kafka,
        "KAFKA__GROUP_ID": names.group,
        "TOPICS__POSTS": topic("posts"),
        "TOPICS__FLAGS": topic("flags"),
        "TOPICS__DEAD_LETTERS": topic("letters", config=WIDE),
        "REDIS__URL": embedded_valkey.url,
        "DETECTOR__MODEL": "constant",
        "DATA_DIR": str(tmp_path / "data"),
    }
    ended = flagstaff("check", settings=settings)
    lines = [line.split("  ")[0].strip() for line in ended.out.splitlines()]
    assert ended.code == 0, ended.out
    assert ended.err == ""
    assert set(lines) == {"ok", "warn"}
    assert "an action that every post gets is held down to label within 181 posts of a process" in ended.out
    assert "\x1b" not in ended.out
    unwatched = flagstaff("check", settings=settings | {"ACTION_RATE__ENABLED": "false"})
    assert unwatched.code == 0
    assert "not watched: a detector gone wrong is not held down" in unwatched.out
    assert "topic holds" not in unwatched.out
    ended = flagstaff("check", settings=settings | {"TOPICS__POSTS": names.posts, "POLICY__FILE": "/nowhere"})
    assert ended.code == 1
    failed = [line for line in ended.out.splitlines() if line.startswith("fail")]
    assert len(failed) == 2
    assert "/nowhere" in failed[0]
    assert names.posts in failed[1]
    ended = flagstaff("check", settings={"NO_SUCH": "1"})
    assert (ended.code, ended.err) == (1, "")
    assert ended.out.startswith("fail  settings")
    assert "FLAGSTAFF_NO_SUCH" in ended.out
