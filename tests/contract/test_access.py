"""Each part with its rights, and without one of them, against a Kafka that enforces them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import pytest
from confluent_kafka import KafkaException
from kafka.errors import KafkaError
from structlog.testing import capture_logs

from tests.support.access import SECURITY, granted, login
from tests.support.flags import flag
from tests.support.independent_reader import committed_offsets
from tests.support.posts import posts
from tests.support.running import Running, publish
from tests.support.topics import create_topic, unique_name
from tests.support.waiting import PATIENCE_S, wait_until
from worker.commands import main
from worker.detector.loading import load_detector
from worker.embedded import EmbeddedKafka
from worker.errors import BrokerError
from worker.policy import load_policy
from worker.records import DeciderStamp, Decision, StageName, StageStep
from worker.release.challenger import challenger_settings
from worker.review.console import opened
from worker.settings import PREFIX, Settings, TopicSettings, load_settings
from worker.stream.dead_letters import ERROR, STAGE
from worker.topics.access import PARTS, Part, rights
from worker.topics.applying import create_topics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from worker.embedded import EmbeddedValkey

# With a challenger and a console, so that every right there is comes into play.
_PLAIN: Final = {
    "KAFKA__REQUEST_TIMEOUT_MS": "4000",
    "KAFKA__SESSION_TIMEOUT_MS": "6000",
    "DETECTOR__MODEL": "constant",
    "STAGE__MODEL": "default",
    "EMIT": "all",
    "HTTP__PORT": "0",
    "LOG__LEVEL": "error",
    "TOPIC_SHAPE__REPLICATION": "1",
    "REVIEW__HOW_TO_APPEAL": "Write to us.",
}
_POSTS: Final = 20
_COMMANDS: Final[dict[Part, list[list[str]]]] = {
    "replay": [["replay", "--offsets", "0:0-9", "--out", "{folder}/replay"]],
    "backtest": [
        [
            "backtest",
            "--offsets",
            "0:0-9",
            "--candidate",
            "same={folder}/candidate.yaml",
            "--out",
            "{folder}/out",
        ]
    ],
    "redrive": [["redrive", "--limit", "1"]],
    "warm": [["warm"]],
    "send": [["send", "{folder}/posts.jsonl"]],
    "stage": [["stage", "show"], ["stage", "back", "--to", "off", "--by", "tester"]],
    "hold": [
        ["hold", "show"],
        ["hold", "lift", "review", "--usual", "0.1", "--note", "tried", "--by", "tester"],
    ],
    "explain": [["explain", "flag-1"]],
    "transparency": [
        [
            "transparency",
            "--from",
            "2026-03-01T00:00:00Z",
            "--to",
            "2026-04-01T00:00:00Z",
            "--out",
            "{folder}/report",
        ]
    ],
    "topics": [["topics"]],
    "topics-apply": [["topics", "--apply"]],
    "check": [["check"]],
}


def _settings(**more: str) -> Settings:
    return load_settings(environ={f"{PREFIX}{name}": value for name, value in (_PLAIN | more).items()})


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """Topics with something on each."""
    with EmbeddedKafka(tmp_path_factory.mktemp("secured"), security=SECURITY, keep=False) as kafka:
        servers = kafka.internal_servers
        create_topics(_settings(KAFKA__BOOTSTRAP_SERVERS=servers), partitions=1, replication=1)
        good = [json.dumps(post).encode() for post in posts(_POSTS - 1)]
        publish(servers, "posts", [*good, b"{not json"])
        publish(servers, "flags", [msgspec.json.encode(flag(number)) for number in range(5)])
        said = Decision(
            flag_id="flag-1", post_id="p1", reviewer="ann", verdict="machine", decided_at=datetime.now(UTC)
        )
        publish(servers, "decisions", [msgspec.json.encode(said)])
        publish(servers, "stages", [b"of another version"])
        publish(servers, "holds", [b"of another version"])
        yield kafka


# What a worker logs that goes on without a right; without the one to write holds only once a breaker trips.
_WARNS: Final = {
    ("READ", "holds"): {"holds_not_shared"},
    ("WRITE", "stages"): {"stages_unreadable"},
    ("WRITE", "shadow"): {"shadow_lost"},
}


class Place(NamedTuple):
    """One part's place: what it is told, and a folder of its own."""

    environ: dict[str, str]
    folder: Path
    kafka: EmbeddedKafka

    @property
    def settings(self) -> Settings:
        return load_settings(environ=self.environ)


@pytest.fixture
def place(secured: EmbeddedKafka, embedded_valkey: EmbeddedValkey, tmp_path: Path) -> Place:
    """A group of its own, dead letters to send back, posts to send and a candidate to try."""
    letter = [(ERROR, b"not JSON"), (STAGE, b"decode")]
    publish(secured.internal_servers, "dead-letters", [b"{not json"], headers=letter)
    (tmp_path / "posts.jsonl").write_text('{"id": "new", "text": "some words"}\n')
    (tmp_path / "candidate.yaml").write_text("detector:\n  model: constant\n")
    own = {
        "KAFKA__GROUP_ID": unique_name("group"),
        "REDIS__URL": embedded_valkey.url,
        "DATA_DIR": str(tmp_path),
    }
    values = _PLAIN | login(secured) | own
    return Place({f"{PREFIX}{name}": value for name, value in values.items()}, tmp_path, secured)


def _put_step(place: Place, stage: StageName) -> None:
    """The challenger of the settings is in this stage."""
    detector, policy = load_detector(challenger_settings(place.settings).detector), load_policy(None)
    stamp = DeciderStamp(
        detector=detector.name,
        detector_digest=detector.digest,
        policy=policy.name,
        policy_digest=policy.digest,
    )
    step = StageStep(
        group=place.settings.kafka.group_id,
        number=1,
        challenger=stamp,
        live=stamp,
        stage=stage,
        share=0.05,
        by="tester",
        at=datetime(2026, 1, 1, tzinfo=UTC),
        note=None,
        gates=(),
    )
    publish(place.kafka.internal_servers, "stages", [msgspec.json.encode(step)])


def _worker(place: Place, warned: Callable[[], bool]) -> str | None:
    """What it said when it stopped; None where it decided all posts, and warned."""
    worker = Running(place.settings)

    def through() -> bool:
        try:
            done = committed_offsets(place.kafka.internal_servers, place.settings.kafka.group_id, "posts")
        except KafkaException:
            return False
        return done.get(0, 0) >= _POSTS

    try:
        wait_until(lambda: worker.ended(0) or (through() and warned()), what="the posts, or its end")
    finally:
        worker.stop.set()
        assert worker.ended(PATIENCE_S)
    return str(worker.error) if worker.error is not None else None


def _console(place: Place) -> str | None:
    """What it said when it stopped, or refused a decision; None where the decision was written."""
    try:
        with opened(place.settings, lambda *_: None) as console:
            standing = console.standing("flag-2")
            assert standing is not None
            console.texts.of(standing.flag)
            reviewer = place.settings.kafka.group_id
            console.act(
                standing=standing, reviewer=reviewer, kind="verdict", verdict="machine", note="", before=0
            )
    except (BrokerError, KafkaError) as error:
        return str(error)
    return None


def _command(part: Part, place: Place, capsys: pytest.CaptureFixture[str]) -> str | None:
    """What a part's commands said when one of them failed; None where all did their work."""
    for command in _COMMANDS[part]:
        with pytest.raises(SystemExit) as caught:
            main([word.format(folder=place.folder) for word in command])
        out, err = capsys.readouterr()
        if part == "check":
            found = [line for line in out.splitlines() if re.match("(warn|fail) +(topic|group|trans)", line)]
            assert (caught.value.code == 1) == any(line.startswith("fail") for line in found)
            return "\n".join(found) or None
        if caught.value.code:
            return "\n".join(line for line in (err or out).splitlines() if not line.startswith('{"'))
    return None


def _tried(
    part: Part,
    place: Place,
    capsys: pytest.CaptureFixture[str],
    warned: Callable[[], bool] = lambda: True,
) -> str | None:
    """What a part said when something was wrong; None where all was well."""
    if part == "worker":
        return _worker(place, warned)
    return _console(place) if part == "console" else _command(part, place, capsys)


def _own_topics(place: Place) -> dict[str, str]:
    """Names that nobody has used; the posts topic is there, with too few partitions and kept too shortly."""
    names = {name: unique_name(name.replace("_", "-")) for name in TopicSettings().__struct_fields__}
    create_topic(place.kafka.internal_servers, names["posts"], config={"retention.ms": "1000"})
    return {f"{PREFIX}TOPICS__{name.upper()}": value for name, value in names.items()}


@pytest.fixture
def prepared(
    request: pytest.FixtureRequest, place: Place, monkeypatch: pytest.MonkeyPatch
) -> tuple[Part, Place]:
    part: Part = request.param
    if part in {"topics", "topics-apply"}:
        place = place._replace(environ=place.environ | _own_topics(place))
    if part == "stage":
        _put_step(place, "share")
    elif "shadow" in request.node.callspec.id:
        _put_step(place, "shadow")
    for name, value in place.environ.items():
        monkeypatch.setenv(name, value)
    return part, place


@pytest.mark.parametrize("prepared", PARTS, indirect=True)
def test_a_part_does_its_work_with_its_rights_and_no_more(
    prepared: tuple[Part, Place], capsys: pytest.CaptureFixture[str]
) -> None:
    part, place = prepared
    with granted(place.kafka, rights(part, place.settings)):
        assert _tried(part, place, capsys) is None


def _tried_topic(operation: str) -> str:
    """`posts` is there and deviates; the others are missing."""
    return "flags" if operation == "CREATE" else "posts"


def _cases() -> Iterator[Any]:
    """Every right of every part; of those to administer topics, which are alike, one each."""
    for part in PARTS:
        for number, right in enumerate(rights(part, _settings())):
            if part in {"topics", "topics-apply"} and right.name != _tried_topic(right.operation):
                continue
            yield pytest.param(part, number, id=f"{part}-{right.operation.lower()}-{right.kind}-{right.name}")


@pytest.mark.parametrize(("prepared", "number"), list(_cases()), indirect=["prepared"])
def test_without_one_of_its_rights_a_part_says_so_in_one_line(
    prepared: tuple[Part, Place], number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    part, place = prepared
    needed = rights(part, place.settings)
    missing = needed.pop(number)
    warns = _WARNS.get((missing.operation, missing.name), set())
    with granted(place.kafka, needed), capture_logs() as logged:
        said = _tried(part, place, capsys, lambda: warns <= {event["event"] for event in logged})
    if missing.without is None:
        assert said is not None
        assert len(said.splitlines()) == 1
        named = {"topic": missing.name, "group": "consumer group", "transactional-id": "transactional id"}
        assert named[missing.kind] in said
    elif part == "check":
        assert said is not None
        assert said.startswith("warn")
        assert missing.name in said
    else:
        assert said is None
