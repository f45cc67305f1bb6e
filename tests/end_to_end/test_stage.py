"""A challenger goes out in stages on a real Kafka, is held by its gates, and comes back."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from tests.support import faulty_detector as faulty
from tests.support.running import Running, publish, running
from tests.support.staged import Staged
from tests.support.waiting import PATIENCE_S, wait_until
from tests.support.worker import WorkerProcesses
from worker.errors import BrokerError
from worker.intake import PostReader
from worker.metrics import REGISTRY
from worker.release.share import AuthorShare
from worker.settings import FieldSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from structlog.typing import EventDict

    from tests.support.topics import TopicFactory
    from worker.detector.protocol import Detector, Encoded


@pytest.fixture
def logged() -> Iterator[list[EventDict]]:
    with capture_logs() as events:
        yield events


def _digests(flags: list[dict[str, Any]]) -> Counter[str]:
    return Counter(flag["detector"]["digest"] for flag in flags)


def _in_share(staged: Staged, flags: list[dict[str, Any]], share: float) -> set[str]:
    """Ids of the posts for which the challenger is to decide."""
    policy = flags[0]["policy"]["digest"]
    authors = AuthorShare(f"{staged.challenger.digest} {policy}")
    reader = PostReader(FieldSettings(), max_text_chars=10**6, max_bytes=10**6)
    return {
        flag["post_id"]
        for flag in flags
        if authors.holds(
            reader.read(json.dumps({"id": "x", "text": "", "author": {"id": flag["author_id"]}}).encode()),
            share,
        )
    }


def _by_challenger(staged: Staged, flags: list[dict[str, Any]]) -> set[str]:
    return {flag["post_id"] for flag in flags if flag["detector"]["digest"] == staged.challenger.digest}


def _sample(name: str, outcome: str) -> float:
    return REGISTRY.get_sample_value(name, {"outcome": outcome}) or 0.0


def test_from_off_to_all_and_back(
    kafka: str, topic: TopicFactory, tmp_path: Path, logged: list[EventDict]
) -> None:
    staged = Staged(tmp_path, kafka, topic)
    none = staged.stage("show")
    assert none.code == 1
    assert "no worker of the group" in none.err
    with running(staged.settings):
        wait_until(lambda: bool(staged.records("STAGES")), what="the challenger on the topic")
        first = staged.show()
        assert first["step"]["stage"] == "off"
        assert first["step"]["challenger"]["detector_digest"] == staged.challenger.digest
        assert first["step"]["live"]["detector_digest"] == staged.live.digest
        assert first["next"] == "shadow"
        assert _digests(staged.flags(staged.publish(300))) == {staged.live.digest: 300}
        assert staged.records("SHADOW") == []

        assert "shadow" in staged.step(logged, "next", "--note", "let us see")
        early = staged.stage("next")
        assert early.code == 1
        assert "disagreement: not-measured" in early.err
        assert _digests(staged.flags(staged.publish(1_500))) == {staged.live.digest: 1_500}
        wait_until(lambda: len(staged.records("SHADOW")) == 1_500, what="the comparison")
        shown = staged.show()
        assert {one["gate"]: one["status"] for one in shown["gates"]} == {
            "disagreement": "pass",
            "flag_rate": "pass",
            "verdicts": "not-measured",
            "calibration": "not-measured",
            "bias": "not-measured",
        }
        assert shown["gates"][0]["count"] == 1_500

        assert "share 0.25" in staged.step(logged, "next")
        flags = staged.flags(staged.publish(1_500))
        assert _by_challenger(staged, flags) == _in_share(staged, flags, 0.25)
        assert 0 < len(_by_challenger(staged, flags)) < 1_500

        wait_until(lambda: staged.show()["gates"][0]["status"] == "pass", what="the gates of the share")
        assert "all" in staged.step(logged, "next")
        assert _digests(staged.flags(staged.publish(300))) == {staged.challenger.digest: 300}
        assert staged.stage("next").code == 1

        assert "share 0.25" in staged.step(logged, "back")
        flags = staged.flags(staged.publish(600))
        assert _by_challenger(staged, flags) == _in_share(staged, flags, 0.25)
        staged.step(logged, "back", "--to", "off", "--note", "a complaint")
        assert _digests(staged.flags(staged.publish(300))) == {staged.live.digest: 300}
        nothing = staged.stage("back")
        assert nothing.code == 1
        assert "nothing to go back to" in nothing.err
    steps = staged.records("STAGES")
    assert [(step["number"], step["stage"], step["share"]) for step in steps] == [
        (1, "off", 0.0),
        (2, "shadow", 0.0),
        (3, "share", 0.25),
        (4, "all", 1.0),
        (5, "share", 0.25),
        (6, "off", 0.0),
    ]
    assert [step["by"] for step in steps[1:]] == ["tester"] * 5
    assert [len(step["gates"]) for step in steps] == [0, 0, 5, 5, 0, 0]
    assert steps[2]["gates"][0]["status"] == "pass"
    history = staged.stage("show", "--history").out.splitlines()
    assert len(history) == 6
    assert history[1].endswith("by tester: let us see")
    assert Counter(flag["post_id"] for flag in staged.records("FLAGS")).most_common(1)[0][1] == 1


def test_a_challenger_whose_gate_fails_is_held(
    kafka: str, topic: TopicFactory, tmp_path: Path, logged: list[EventDict]
) -> None:
    staged = Staged(tmp_path, kafka, topic, bias=6.0)
    with running(staged.settings):
        wait_until(lambda: bool(staged.records("STAGES")), what="the challenger on the topic")
        staged.step(logged, "next")
        staged.flags(staged.publish(600))
        wait_until(lambda: len(staged.records("SHADOW")) == 600, what="the comparison")
        refused = staged.stage("next")
        assert refused.code == 1
        assert [line.split(": ")[:2] for line in refused.said[:2]] == [
            ["disagreement", "fail"],
            ["flag_rate", "fail"],
        ]
        assert refused.said[-1] == "flagstaff: share 0.25 is refused; the stage stays shadow"
        assert _digests(staged.flags(staged.publish(100))) == {staged.live.digest: 100}
    assert [step["stage"] for step in staged.records("STAGES")] == ["off", "shadow"]
    assert "held back by  disagreement, flag_rate" in staged.stage("show").out
    one = staged.records("SHADOW")[0]
    assert one["flag"]["action"] == "label"
    assert one["live"]["action"] == "pass"
    assert one["live"]["flag_id"] in {flag["id"] for flag in staged.records("FLAGS")}
    assert {flag["detector"]["digest"] for flag in staged.records("FLAGS")} == {staged.live.digest}


def test_reviewers_who_disagree_hold_it_in_its_share(
    kafka: str, topic: TopicFactory, tmp_path: Path, logged: list[EventDict]
) -> None:
    """Both flag everything, and the staff confirm the live one's flags only."""
    limits = {"STAGE__GATES__REQUIRED": "", "STAGE__GATES__MAX_DISAGREEMENT": "1"}
    staged = Staged(tmp_path, kafka, topic, live_bias=5.9, bias=6.0, **limits)
    with running(staged.settings):
        wait_until(lambda: bool(staged.records("STAGES")), what="the challenger on the topic")
        staged.step(logged, "next")
        staged.step(logged, "next")
        flags = staged.flags(staged.publish(800))
        ours = _by_challenger(staged, flags)
        decisions = [
            {
                "schema": "decision.v1",
                "flag_id": flag["id"],
                "post_id": flag["post_id"],
                "reviewer": "r",
                "verdict": "human" if flag["post_id"] in ours else "machine",
                "decided_at": "2026-03-01T12:00:00Z",
            }
            for flag in flags
        ]
        publish(kafka, staged.values["TOPICS__DECISIONS"], [json.dumps(one).encode() for one in decisions])
        refused = staged.stage("next")
        assert refused.code == 1
        assert refused.said[0].startswith("verdicts: fail: 1.0000")


class _Slow:
    """Another detector, slower than the stream.

    Attributes:
        batches: how many it has scored.
    """

    def __init__(self, inner: Detector, seconds_a_post: float) -> None:
        self._inner, self._seconds = inner, seconds_a_post
        self.name, self.digest = inner.name, inner.digest
        self.calibration, self.batch_tokens = inner.calibration, inner.batch_tokens
        self.on_gpu = inner.on_gpu
        self.batches = 0

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        return self._inner.encode(texts)

    def logits(self, batch: Sequence[Encoded]) -> list[float]:
        self.batches += 1
        time.sleep(self._seconds * len(batch))
        return self._inner.logits(batch)


def test_what_a_slow_challenger_can_not_keep_up_with_is_skipped_and_counted(
    kafka: str, topic: TopicFactory, tmp_path: Path, logged: list[EventDict]
) -> None:
    staged = Staged(
        tmp_path, kafka, topic, STAGE__TIME_SHARE="0.2", STAGE__QUEUE_POSTS="64", STAGE__GATES__MIN_POSTS="1"
    )
    names = ("decided", "skipped", "failed", "lost")
    with running(staged.settings, challenger=_Slow(staged.challenger, 0.01)):
        wait_until(lambda: bool(staged.records("STAGES")), what="the challenger on the topic")
        staged.step(logged, "next")
        before = {name: _sample("flagstaff_shadow_posts_total", name) for name in names}
        busy = REGISTRY.get_sample_value("flagstaff_shadow_seconds_total") or 0.0
        began = time.monotonic()
        flags = staged.flags(staged.publish(3_000))
        took = time.monotonic() - began
        busy = (REGISTRY.get_sample_value("flagstaff_shadow_seconds_total") or 0.0) - busy
        counted = {name: _sample("flagstaff_shadow_posts_total", name) - before[name] for name in names}
    # All that it could do of 3,000 posts takes 30 s of its time alone, 150 s at its share.
    assert _digests(flags) == {staged.live.digest: 3_000}
    assert counted["skipped"] > 1_500
    assert counted["failed"] == counted["lost"] == 0
    # A chunk of 32 posts takes 0.32 s at least, and rests four times as long.
    assert busy <= 0.2 * took + 1.0
    assert 0 < len(staged.records("SHADOW")) <= 3_000 - counted["skipped"]


def test_two_workers_follow_one_topic_and_a_restart_keeps_the_stage(
    kafka: str, topic: TopicFactory, tmp_path: Path, logged: list[EventDict]
) -> None:
    staged = Staged(tmp_path, kafka, topic, STAGE__GATES__REQUIRED="")
    with running(staged.settings), running(staged.settings):
        wait_until(lambda: bool(staged.records("STAGES")), what="the challenger on the topic")
        staged.step(logged, "next", workers=2)
        staged.step(logged, "next", workers=2)
        flags = staged.flags(staged.publish(1_000))
        assert _by_challenger(staged, flags) == _in_share(staged, flags, 0.25)
        wait_until(lambda: staged.stage("next").code == 0, what="all")
    assert [step["stage"] for step in staged.records("STAGES")] == ["off", "shadow", "share", "all"]
    ids = staged.publish(500)
    with running(staged.settings):
        assert _digests(staged.flags(ids)) == {staged.challenger.digest: 500}
    loaded = [event for event in logged if event["event"] == "challenger_loaded"]
    assert loaded[-1]["stage"] == "all"


def test_another_challenger_waits_until_the_one_before_is_taken_back(
    kafka: str, topic: TopicFactory, tmp_path: Path, logged: list[EventDict]
) -> None:
    staged = Staged(tmp_path, kafka, topic)
    with running(staged.settings):
        wait_until(lambda: bool(staged.records("STAGES")), what="the challenger on the topic")
        staged.step(logged, "next")
    first = staged.challenger
    second = Staged(tmp_path / "second", kafka, topic, bias=0.02)
    second.values |= {name: value for name, value in staged.values.items() if "STAGE__MODEL" not in name}
    with running(second.settings):
        wait_until(
            lambda: any(event["event"] == "challenger_waits" for event in logged), what="the second waiting"
        )
        second.posts = staged.posts
        assert second.show()["step"]["challenger"]["detector_digest"] == first.digest
        assert second.stage("back", "--to", "off").code == 0
        wait_until(
            lambda: second.show()["step"]["challenger"]["detector_digest"] == second.challenger.digest,
            what="the second on the topic",
        )
        assert second.show()["step"]["stage"] == "off"


def test_without_its_topic_a_worker_with_a_challenger_does_not_start(
    kafka: str, topic: TopicFactory, tmp_path: Path
) -> None:
    staged = Staged(tmp_path, kafka, topic, TOPICS__STAGES="nowhere-to-be-found")
    worker = Running(staged.settings)
    assert worker.ended(PATIENCE_S)
    assert isinstance(worker.error, BrokerError)
    assert "nowhere-to-be-found" in str(worker.error)
    several = topic("stages", partitions=2)
    staged.values["TOPICS__STAGES"] = several
    refused = staged.stage("show")
    assert refused.code == 1
    assert "several partitions" in refused.err


def test_without_the_shadow_topic_the_live_one_goes_on(
    kafka: str, topic: TopicFactory, tmp_path: Path, logged: list[EventDict]
) -> None:
    staged = Staged(tmp_path, kafka, topic, TOPICS__SHADOW="no-shadow-anywhere")
    lost = _sample("flagstaff_shadow_posts_total", "lost")
    with running(staged.settings):
        wait_until(lambda: bool(staged.records("STAGES")), what="the challenger on the topic")
        staged.step(logged, "next")
        assert len(staged.flags(staged.publish(300))) == 300
        wait_until(
            lambda: _sample("flagstaff_shadow_posts_total", "lost") > lost, what="a loss that is counted"
        )
    assert any("no-shadow-anywhere" in event["error"] for event in logged if event["event"] == "shadow_lost")


def test_a_challenger_that_dies_of_a_post_costs_no_live_decision(
    kafka: str, topic: TopicFactory, tmp_path: Path
) -> None:
    staged = Staged(tmp_path, kafka, topic, LOG__LEVEL="info", LOG__FORMAT="json")
    command = (sys.executable, "-m", "tests.support.faulty_worker")
    worker = WorkerProcesses(staged.values, tmp_path / "data", tmp_path / "log", command)
    worker.start()
    try:
        wait_until(lambda: bool(staged.records("STAGES")), what="the challenger on the topic")
        assert staged.stage("next").code == 0
        wait_until(lambda: '"stage_entered"' in worker.log(), what="the stage")
        ids = staged.publish(200, f"this post is {faulty.KILLS}, or so it says")
        wait_until(lambda: "worker_died" in worker.log(), what="the death")
        more = staged.publish(200)
        flags = staged.flags([*ids, *more])
        wait_until(lambda: bool(staged.records("SHADOW")), what="decisions beside")
    finally:
        worker.stop()
    assert Counter(flag["post_id"] for flag in flags) == Counter([*ids, *more])
    assert _digests(flags) == {staged.live.digest: 400}
    assert staged.records("DEAD_LETTERS") == []
    assert worker.log().count('"worker_died"') == 1
