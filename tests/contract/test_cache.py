"""Scores kept in a real Redis."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from worker.cache import CachedScore, ScoreCache
from worker.redis_link import RedisLink
from worker.settings import RedisSettings

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def link(redis_url: str) -> Iterator[RedisLink]:
    link = RedisLink(RedisSettings(url=redis_url, timeout_ms=5_000))
    yield link
    link.close()


@given(
    logit=st.floats(allow_nan=False, allow_infinity=False),
    tokens=st.integers(0, 2**32 - 1),
    truncated=st.booleans(),
)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_score_comes_back_to_the_last_bit(
    link: RedisLink,
    logit: float,
    tokens: int,
    truncated: bool,  # noqa: FBT001 - hypothesis names it
) -> None:
    cache = ScoreCache(link, "p", 60)
    score = CachedScore(logit, tokens, truncated)
    assert cache.put_many("detector", [("text", score)])
    assert cache.get_many("detector", ["text"]) == [score]


def test_scores_come_in_the_order_asked_for_and_a_gap_is_a_miss(link: RedisLink) -> None:
    cache = ScoreCache(link, "p", 60)
    one, two = CachedScore(1.0, 5, truncated=False), CachedScore(2.0, 6, truncated=True)
    assert cache.put_many("detector", [("one", one), ("two", two)])
    assert cache.get_many("detector", ["two", "none", "one"]) == [two, None, one]
    assert cache.get_many("other-detector", ["one"]) == [None]
    assert cache.get_many("detector", []) == []


def test_scores_expire(link: RedisLink, redis_url: str) -> None:
    ScoreCache(link, "p", 60).put_many("detector", [("one", CachedScore(1.0, 5, truncated=False))])
    with redis.Redis.from_url(redis_url) as client:
        (key,) = client.scan_iter()
        assert key == b"p:score:detector:one"
        assert 0 < client.ttl(key) <= 60


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"0.5",
        b"\x00" * 14,
        struct.pack(">BdI?", 1, math.nan, 5, False),
        struct.pack(">BdI?", 1, math.inf, 5, False),
        struct.pack(">BdI?", 2, 0.5, 5, False),
    ],
)
def test_a_malformed_value_is_a_miss(link: RedisLink, redis_url: str, value: bytes) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.set("p:score:detector:one", value)
    assert ScoreCache(link, "p", 60).get_many("detector", ["one"]) == [None]


def test_a_value_of_another_type_is_a_miss(link: RedisLink, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.lpush("p:score:detector:one", "x")
    assert ScoreCache(link, "p", 60).get_many("detector", ["one"]) == [None]
