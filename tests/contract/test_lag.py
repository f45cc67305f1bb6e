from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.posts import posts
from tests.support.running import publish, worker_settings
from tests.support.waiting import wait_until
from worker.metrics import LAG
from worker.stream.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.topics import TopicFactory
    from worker.settings import KafkaSettings

PARTITIONS = 4
POSTS = 200


@pytest.fixture
def topic_name(broker: str, topic: TopicFactory) -> str:
    name = topic("posts", partitions=PARTITIONS, servers=broker)
    publish(broker, name, [json.dumps(post).encode() for post in posts(POSTS)])
    return name


@pytest.fixture
def settings(broker: str, topic_name: str, tmp_path: Path) -> KafkaSettings:
    topics = {"posts": topic_name, "flags": "flags", "dead_letters": "dead-letters"}
    return worker_settings(tmp_path, broker, topics).kafka


@pytest.fixture
def source(settings: KafkaSettings, topic_name: str) -> Iterator[Source]:
    LAG.clear()
    one = Source(settings, topic_name, process_number=0)
    yield one
    one.close(5)


def _lags(source: Source) -> dict[str, float]:
    source.measure_lag()
    (family,) = LAG.collect()
    return {sample.labels["partition"]: sample.value for sample in family.samples}


def _read(source: Source, most: int = POSTS) -> int:
    return len(source.poll(max_records=most, timeout_ms=50, settle=True))


def test_the_lag_is_what_is_still_to_be_read(source: Source) -> None:
    read, compared = 0, 0

    def all_read() -> bool:
        nonlocal read, compared
        read += _read(source, most=7)
        # A partition without a fetch yet has no end that is known.
        if len(lags := _lags(source)) == PARTITIONS:
            compared += 1
            assert sum(lags.values()) == POSTS - read
        return read == POSTS

    wait_until(all_read, what="the end of the topic")
    assert compared > 1


def test_a_partition_that_went_to_another_worker_has_no_lag_here(
    source: Source, settings: KafkaSettings, topic_name: str
) -> None:
    wait_until(lambda: _read(source) >= 0 and len(_lags(source)) == PARTITIONS)
    other = Source(settings, topic_name, process_number=1)

    def shared_out() -> bool:
        _read(source)
        _read(other)
        return bool(other.tenures.snapshot())

    try:
        wait_until(shared_out, what="a partition for the other")
        kept = {str(place.partition) for place in source.tenures.snapshot()}
        assert 0 < len(kept) < PARTITIONS
        assert set(_lags(source)) == kept
    finally:
        other.close(5)
