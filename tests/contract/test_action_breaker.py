"""The action-rate breaker in real workers on a real Kafka, with a detector that flags everything."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from kafka import KafkaProducer

from tests.support.command import flagstaff
from tests.support.independent_reader import committed_records
from tests.support.ruled_detector import RuledDetector
from tests.support.running import all_decided, publish, running, worker_settings
from tests.support.topics import administrator, create_topic, unique_name
from tests.support.waiting import PATIENCE_S, wait_until
from worker.action_rate.hold import held_action, released
from worker.flag_maker import encode_flag
from worker.records import Flag, Hold
from worker.stream.holds import Holds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.support.topics import TopicFactory
    from worker.records import Holdable
    from worker.settings import Settings

# What docs/action-rate.md states for a process that has not learned a usual share yet.
WITHIN = 181
COMPACT = {"cleanup.policy": "compact"}
POLICY = {
    "name": "trusting",
    "thresholds": {"label": 0.8, "review": 0.92, "limit": 0.97},
    "detector": {"alone": "review"},
    "signals": {},
}


def _everything() -> RuledDetector:
    return RuledDetector(lambda _: 6.0)


class Place:
    """Topics of one test, and workers' settings for them."""

    def __init__(self, servers: str, topic: TopicFactory, folder: Path) -> None:
        self.servers = servers
        self._folder = folder
        self._policy = folder / "policy.yaml"
        self._policy.write_text(json.dumps(POLICY))
        self.topics = {
            "posts": topic("posts", partitions=4, servers=servers),
            "flags": topic("flags", servers=servers),
            "dead_letters": topic("dead-letters", servers=servers),
        }
        self.holds = topic("holds", servers=servers, config=COMPACT)
        self.sent = 0

    def settings(self, worker: str = "a", **more: str) -> Settings:
        own = {
            "TOPICS__HOLDS": self.holds,
            "POLICY__FILE": str(self._policy),
            "SIGNALS__ENABLED": "account_age",
            "KAFKA__TRANSACTIONAL_ID_PREFIX": f"{self.topics['posts']}-{worker}",
        }
        return worker_settings(self._folder / worker, self.servers, self.topics, **(own | more))

    def command(self, *arguments: str) -> Any:
        names = {
            "KAFKA__BOOTSTRAP_SERVERS": self.servers,
            "KAFKA__GROUP_ID": f"group-{self.topics['posts']}",
            "TOPICS__HOLDS": self.holds,
        }
        return flagstaff("hold", *arguments, settings=names)

    def send(self, count: int) -> None:
        publish(self.servers, self.topics["posts"], [_post(self.sent + n) for n in range(count)])
        self.sent += count

    def flags(self, topic: str | None = None) -> list[Any]:
        return committed_records(self.servers, topic or self.topics["flags"])

    def written(self) -> list[Hold]:
        return [
            msgspec.json.decode(record.value(), type=Hold)
            for record in committed_records(self.servers, self.holds)
        ]


def _post(number: int) -> bytes:
    return json.dumps({"id": f"p{number}", "text": f"plain words {number}", "lang": "en"}).encode()


def _flag(record: Any) -> Flag:
    return msgspec.json.decode(record.value(), type=Flag)


def _held(record: Any) -> str | None:
    value = dict(record.headers()).get("flagstaff-held")
    return None if value is None else value.decode()


@pytest.fixture
def place(broker: str, topic: TopicFactory, tmp_path: Path) -> Place:
    return Place(broker, topic, tmp_path)


@pytest.mark.parametrize("emit", ["all", "flagged"])
def test_a_detector_that_flags_everything_is_held_down_within_the_stated_posts(
    place: Place, topic: TopicFactory, emit: str
) -> None:
    place.send(1_000)
    settings = place.settings(EMIT=emit)
    with running(settings, detector=_everything()):
        wait_until(lambda: all_decided(place.servers, settings), what="the end of the topic")
        wait_until(lambda: bool(place.written()), what="the hold on its topic")
    records = place.flags()
    assert len(records) == 1_000
    assert sum(_held(record) is None for record in records) == WITHIN - 1
    for record in records:
        flag = _flag(record)
        assert flag.action == ("label" if _held(record) else "review")
        assert held_action(flag) == _held(record)
    (hold,) = place.written()
    assert (hold.action, hold.held, hold.posts, hold.usual) == ("review", True, WITHIN, 0.1)

    # Flags are pure but for what they say of the hold: without a breaker the same ones come out.
    pure_topic = topic("pure", servers=place.servers)
    pure = place.settings(
        "pure",
        EMIT=emit,
        KAFKA__GROUP_ID="pure-" + place.topics["posts"],
        TOPICS__FLAGS=pure_topic,
        ACTION_RATE__ENABLED="false",
    )
    with running(pure, detector=_everything()):
        wait_until(lambda: all_decided(place.servers, pure), what="the end of the topic, without a breaker")
    assert sorted(encode_flag(released(_flag(record))) for record in records) == sorted(
        record.value() for record in place.flags(pure_topic)
    )


def test_a_hold_outlives_its_worker_and_is_lifted_by_the_command(place: Place) -> None:
    assert place.command("show").out == "review: not held\nlimit: not held\n"
    place.send(300)
    with running(place.settings(), detector=_everything()):
        wait_until(lambda: bool(place.written()), what="the hold on its topic")
        wait_until(lambda: all_decided(place.servers, place.settings()), what="the end of the topic")

    # Another machine, with nothing but the topic: held from its first post on.
    place.send(50)
    with running(place.settings("b"), detector=_everything()):
        wait_until(lambda: all_decided(place.servers, place.settings()), what="the end of the topic")
    later = [record for record in place.flags() if int(_flag(record).post_id[1:]) >= 300]
    assert [_held(record) for record in later] == ["review"] * 50
    shown = place.command("show")
    assert f"review: HELD down to label since {place.written()[0].at:%Y-%m-%d}" in shown.out
    assert "review for 181 of the latest 181 posts, where 10.00% is usual" in shown.out

    with running(place.settings("b"), detector=_everything()):
        lifted = place.command("lift", "review", "--note", "mended", "--by", "ann", "--usual", "0.9")
        assert lifted.code == 0, lifted.err
        assert "review: not held; lifted" in lifted.out
        assert "by ann: mended; usual from then on: 0.9" in lifted.out
        deadline = time.monotonic() + PATIENCE_S
        while not any(_held(record) is None for record in place.flags()[350:]):
            assert time.monotonic() < deadline, "the worker does not follow the lift"
            place.send(1)
        place.send(500)
        wait_until(lambda: all_decided(place.servers, place.settings()), what="the end of the topic")
    last = [record for record in place.flags() if int(_flag(record).post_id[1:]) >= place.sent - 500]
    assert {_held(record) for record in last} == {None}
    assert {_flag(record).action for record in last} == {"review"}


def test_what_one_worker_trips_the_other_holds(place: Place) -> None:
    with (
        running(place.settings("a"), detector=_everything()),
        running(place.settings("b"), detector=_everything()),
    ):
        wait_until(lambda: len(_deciders(place)) == 2, what="both workers at work")
        producer = KafkaProducer(bootstrap_servers=place.servers)
        whose = {_flag(record).source.partition: _worker(record) for record in place.flags()}
        mine = min(whose)
        for number in range(1_000):
            producer.send(place.topics["posts"], value=_post(10_000 + number), partition=mine)
        producer.flush()
        producer.close()
        deadline = time.monotonic() + PATIENCE_S
        while len({_worker(record) for record in place.flags() if _held(record)}) < 2:
            assert time.monotonic() < deadline, "the other worker does not hold"
            place.send(4)
            time.sleep(0.3)
    seen_by_other = [record for record in place.flags() if _worker(record) != whose[mine]]
    assert len(seen_by_other) < WITHIN, "it may have tripped by itself"
    assert {hold.by for hold in place.written()} == {whose[mine]}


def _deciders(place: Place) -> set[str]:
    """The workers that have decided something, each partition having got a post."""
    place.send(4)
    time.sleep(0.5)
    return {_worker(record) for record in place.flags()}


def _worker(record: Any) -> str:
    return str(dict(record.headers())["worker"].decode())


def test_without_the_topic_each_process_holds_for_itself(place: Place) -> None:
    place.holds = unique_name("nothing")
    place.send(300)
    settings = place.settings()
    with running(settings, detector=_everything()):
        wait_until(lambda: all_decided(place.servers, settings), what="the end of the topic")
        assert [_held(record) for record in place.flags()].count("review") == 300 - WITHIN + 1
        with administrator(place.servers) as admin:
            assert place.holds not in admin.list_topics()
        refused = place.command("lift", "review", "--note", "x")
        assert refused.code == 1
        (line,) = refused.said
        assert f"the topic '{place.holds}' (topics.holds) does not exist" in line
        # Made afterwards, it gets what the process holds.
        create_topic(place.servers, place.holds, config=COMPACT)
        wait_until(lambda: bool(place.written()), what="the hold on its topic")


def test_followers_of_a_group_come_to_the_same_state_and_say_so(place: Place) -> None:
    told: dict[str, list[Sequence[str]]] = {"a": [], "b": [], "other": []}
    settings = {name: place.settings(name) for name in ("a", "b")}
    settings["other"] = place.settings("other", KAFKA__GROUP_ID="another-group")
    followers = {name: Holds(settings[name], told=told[name].append) for name in settings}
    try:
        for follower in followers.values():
            follower.wait(PATIENCE_S)
        followers["a"].put(_hold(settings["a"], "limit"))
        assert told["a"][-1] == ["limit"], "at once where it was found"
        wait_until(lambda: told["b"][-1] == ["limit"], what="the other follower")
        # What is no hold is passed over, with a line in the log.
        producer = KafkaProducer(bootstrap_servers=place.servers)
        producer.send(place.holds, value=b"{", key=b"x")
        producer.send(place.holds, value=None, key=b"x")
        producer.flush()
        producer.close()
        assert place.command("lift", "limit", "--note", "mended").code == 0
        wait_until(lambda: told["a"][-1] == told["b"][-1] == [], what="the lift everywhere")
        assert followers["a"].standing == followers["b"].standing
        assert all(not held for held in told["other"])
    finally:
        for follower in followers.values():
            follower.close(10)


def _hold(settings: Settings, action: Holdable) -> Hold:
    return Hold(
        group=settings.kafka.group_id,
        action=action,
        held=True,
        by="w-0",
        at=datetime.now(UTC),
        note="limit for 9 of the latest 10 posts",
        share=0.9,
        usual=0.1,
        posts=10,
    )


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("lift", "review", "--note", "x"), 1, "hold lift: review is not held in the group"),
        (("lift", "review", "--note", "x", "--usual", "1.5"), 2, "--usual must be a share between 0 and 1"),
        (("lift", "label", "--note", "x"), 2, "'label' is not one of 'review', 'limit'"),
        (("lift", "review"), 2, "Missing option '--note'"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    place: Place, arguments: tuple[str, ...], code: int, said: str
) -> None:
    ended = place.command(*arguments)
    assert ended.code == code
    assert said in ended.err
    assert place.written() == []
