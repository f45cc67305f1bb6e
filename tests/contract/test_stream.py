from __future__ import annotations

import json
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.support.independent_reader import committed_records
from tests.support.posts import broken, posts
from tests.support.running import Running, all_decided, publish, running, worker_settings
from tests.support.waiting import PATIENCE_S, wait_until
from worker.detector.constant import ConstantDetector
from worker.errors import BreakerTrippedError, FencedError
from worker.metrics import REBALANCES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.support.topics import TopicFactory
    from worker.detector.protocol import Encoded
    from worker.settings import Settings


@pytest.fixture
def topics(broker: str, topic: TopicFactory) -> dict[str, str]:
    return {
        "posts": topic("posts", partitions=4, servers=broker),
        "flags": topic("flags", partitions=2, servers=broker),
        "dead_letters": topic("dead-letters", servers=broker, config={"max.message.bytes": "2097152"}),
    }


def _decided(servers: str, topics: dict[str, str]) -> Counter[str]:
    return Counter(
        json.loads(record.value())["post_id"] for record in committed_records(servers, topics["flags"])
    )


def _values(count: int, start: int = 0) -> list[bytes]:
    return [json.dumps(post | {"id": f"p{start + n}"}).encode() for n, post in enumerate(posts(count))]


def test_every_post_is_decided_once_and_every_broken_record_is_a_dead_letter_byte_for_byte(
    broker: str, topics: dict[str, str], tmp_path: Path
) -> None:
    wrong = list(broken(40))
    publish(broker, topics["posts"], [*_values(1000), *wrong, None, None])
    settings = worker_settings(tmp_path, broker, topics)
    with running(settings):
        wait_until(lambda: all_decided(broker, settings), what="the end of the topic")
    assert _decided(broker, topics) == Counter({f"p{number}": 1 for number in range(1000)})
    letters = committed_records(broker, topics["dead_letters"])
    assert Counter(letter.value() for letter in letters) == Counter(wrong)
    headers = dict(letters[0].headers())
    assert headers["traceparent"] == b"00-aa-bb-01"
    assert headers["flagstaff-stage"] == b"decode"
    assert headers["flagstaff-source"].decode().startswith(topics["posts"])


def test_a_flag_keeps_the_key_and_carries_the_headers_of_the_contract(
    broker: str, topics: dict[str, str], tmp_path: Path
) -> None:
    publish(broker, topics["posts"], _values(1))
    settings = worker_settings(tmp_path, broker, topics)
    with running(settings):
        wait_until(lambda: all_decided(broker, settings), what="the end of the topic")
    (flag,) = committed_records(broker, topics["flags"])
    headers = dict(flag.headers())
    assert flag.key() == b"0"
    assert headers.keys() == {"decided-at", "worker", "cache", "traceparent"}
    value = json.loads(flag.value())
    assert value["source"]["topic"] == topics["posts"]
    assert value["source"]["offset"] == 0
    assert "text" not in value


def test_a_quiet_topic_is_answered_within_the_latency_and_the_commit_interval(
    broker: str, topics: dict[str, str], tmp_path: Path
) -> None:
    settings = worker_settings(tmp_path, broker, topics)
    publish(broker, topics["posts"], _values(1))
    with running(settings):
        wait_until(lambda: all_decided(broker, settings), what="the first post")
        begun = time.monotonic()
        publish(broker, topics["posts"], _values(1, start=1))
        wait_until(lambda: all_decided(broker, settings), timeout_s=5, what="the second post")
        assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    "membership", [{}, {"KAFKA__GROUP_INSTANCE_ID": "worker"}], ids=["dynamic", "static"]
)
def test_a_worker_goes_on_from_the_committed_offsets(
    broker: str, topics: dict[str, str], tmp_path: Path, membership: dict[str, str]
) -> None:
    settings = worker_settings(tmp_path, broker, topics, **membership)
    for start in (0, 100, 200):
        publish(broker, topics["posts"], _values(100, start=start))
        with running(settings):
            wait_until(lambda: all_decided(broker, settings), what="the end of the topic")
    assert _decided(broker, topics) == Counter({f"p{number}": 1 for number in range(300)})


@pytest.mark.parametrize("assignment", ["cooperative-sticky", "range"])
def test_workers_that_come_and_go_neither_lose_nor_double(
    broker: str, topics: dict[str, str], tmp_path: Path, assignment: str
) -> None:
    settings = worker_settings(tmp_path, broker, topics, KAFKA__ASSIGNMENT=assignment)
    with running(settings):
        for start in range(0, 3000, 1000):
            with running(settings):
                publish(broker, topics["posts"], _values(1000, start=start))
        wait_until(lambda: all_decided(broker, settings), what="the end of the topic")
    assert _decided(broker, topics) == Counter({f"p{number}": 1 for number in range(3000)})


def test_two_workers_with_one_transactional_id_fence_each_other_until_one_stops(
    broker: str, topics: dict[str, str], tmp_path: Path
) -> None:
    both = [
        Running(worker_settings(tmp_path / name, broker, topics, STREAM__MAX_FENCED="3"))
        for name in ("a", "b")
    ]
    start = 0
    deadline = time.monotonic() + PATIENCE_S
    while not any(worker.error for worker in both) and time.monotonic() < deadline:
        publish(broker, topics["posts"], _values(50, start=start))
        start += 50
        time.sleep(0.2)
    (error,) = [worker.error for worker in both if worker.error is not None]
    assert isinstance(error, FencedError)
    assert "transactional id" in str(error)
    for worker in both:
        if worker.error is None:
            wait_until(lambda: all_decided(broker, both[0].settings), what="the end of the topic")
            worker.end()
    assert _decided(broker, topics) == Counter({f"p{number}": 1 for number in range(start)})


def test_two_workers_with_one_static_membership_do_not_both_go_on(
    broker: str, topics: dict[str, str], tmp_path: Path
) -> None:
    def settings(name: str) -> Settings:
        # The same place in the group, but not the same transactional id: that would fence them both.
        own = {"KAFKA__TRANSACTIONAL_ID_PREFIX": f"tx-{topics['posts']}-{name}"}
        return worker_settings(tmp_path / name, broker, topics, KAFKA__GROUP_INSTANCE_ID="same", **own)

    publish(broker, topics["posts"], _values(100))
    first = Running(settings("a"))
    wait_until(lambda: all_decided(broker, first.settings), what="the first posts")
    with running(settings("b")) as second:
        # kafka-python goes on reading after it was displaced: the refused transaction tells.
        publish(broker, topics["posts"], _values(100, start=100))
        wait_until(lambda: all_decided(broker, second.settings), what="the other posts")
        publish(broker, topics["posts"], _values(100, start=200))
        assert first.ended(PATIENCE_S)
        assert isinstance(first.error, FencedError)
        assert "group_instance_id" in str(first.error)
        wait_until(lambda: all_decided(broker, second.settings), what="the last posts")
    assert _decided(broker, topics) == Counter({f"p{number}": 1 for number in range(300)})


class _Slow(ConstantDetector):
    """A model that takes longer for a batch than the group's patience with a silent member."""

    def logits(self, batch: Sequence[Encoded]) -> list[float]:
        time.sleep(8)
        return super().logits(batch)


def test_a_batch_longer_than_the_session_evicts_nobody(
    broker: str, topics: dict[str, str], tmp_path: Path
) -> None:
    publish(broker, topics["posts"], _values(100))
    settings = worker_settings(tmp_path, broker, topics, KAFKA__MAX_POLL_INTERVAL_MS="6000")
    lost = REBALANCES.labels(kind="lost")
    before = lost._value.get()
    with running(settings, detector=_Slow()):
        wait_until(lambda: all_decided(broker, settings), what="the end of the topic")
    assert lost._value.get() == before
    assert _decided(broker, topics) == Counter({f"p{number}": 1 for number in range(100)})


def test_too_many_dead_letters_stop_the_worker_and_are_not_committed(
    broker: str, topics: dict[str, str], tmp_path: Path
) -> None:
    publish(broker, topics["posts"], [b"{not json"] * 400)
    worker = Running(worker_settings(tmp_path, broker, topics, BREAKER__MAX_RUN="50"))
    assert worker.ended(PATIENCE_S)
    assert isinstance(worker.error, BreakerTrippedError)
    assert len(committed_records(broker, topics["dead_letters"])) < 50


def test_without_redis_posts_are_decided_and_the_missing_signals_are_null(
    broker: str, topics: dict[str, str], tmp_path: Path
) -> None:
    publish(broker, topics["posts"], _values(200))
    settings = worker_settings(tmp_path, broker, topics, REDIS__URL="redis://127.0.0.1:1/0")
    with running(settings):
        wait_until(lambda: all_decided(broker, settings), what="the end of the topic")
    flags = [json.loads(record.value()) for record in committed_records(broker, topics["flags"])]
    assert len(flags) == 200
    values = {signal["name"]: signal["value"] for signal in flags[0]["signals"]}
    assert values["duplicate_text"] is None
    assert values["account_age"] is not None
