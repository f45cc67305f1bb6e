"""The link against a real Valkey that is slow, full, restarted, frozen and gone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import redis
import structlog

from worker.embedded import EmbeddedValkey
from worker.errors import SettingsError
from worker.metrics import REDIS_BREAKER, REDIS_FAILURES
from worker.redis_link import RedisLink
from worker.settings import RedisSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FAILURES = 3
TIMEOUT_MS = 100


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey(tmp_path, keep=False) as valkey:
        yield valkey


@pytest.fixture
def clock() -> Clock:
    return Clock()


def linked(url: str, clock: Clock) -> RedisLink:
    return RedisLink(
        RedisSettings(url=url, timeout_ms=TIMEOUT_MS, breaker_failures=FAILURES, breaker_reset_s=5.0), clock
    )


@pytest.fixture
def link(valkey: EmbeddedValkey, clock: Clock) -> Iterator[RedisLink]:
    link = linked(valkey.url, clock)
    assert ping(link)
    yield link
    link.close()


def ping(link: RedisLink) -> Any:
    return link.call("test", lambda client: client.ping())


def failures() -> float:
    return float(REDIS_FAILURES.labels("test")._value.get())


def is_open() -> bool:
    return bool(REDIS_BREAKER._value.get())


def test_answers_come_through(link: RedisLink) -> None:
    assert link.call("test", lambda client: client.set("k", b"\xff")) is True
    assert link.call("test", lambda client: client.get("k")) == b"\xff"
    assert not is_open()


def test_a_slow_server_costs_the_timeout_and_then_nothing(valkey: EmbeddedValkey, clock: Clock) -> None:
    link = linked(valkey.url, clock)
    with redis.Redis.from_url(valkey.url) as other:
        other.client_pause(20_000)
    before = failures()
    started = time.monotonic()
    assert [ping(link) for _ in range(FAILURES)] == [None] * FAILURES
    assert time.monotonic() - started < FAILURES * 10 * TIMEOUT_MS / 1000
    assert is_open()
    assert failures() == before + FAILURES
    assert ping(link) is None
    assert failures() == before + FAILURES  # not even asked
    link.close()


def test_a_frozen_server_is_used_again_once_it_wakes(
    valkey: EmbeddedValkey, link: RedisLink, clock: Clock
) -> None:
    valkey.pause()
    with structlog.testing.capture_logs() as events:
        assert [ping(link) for _ in range(FAILURES)] == [None] * FAILURES
        assert is_open()
        valkey.resume()
        assert ping(link) is None
        clock.now = 5.0
        assert ping(link)
    assert not is_open()
    assert [event["event"] for event in events] == [
        "redis call failed",
        "redis is left alone",
        "redis is used again",
        "redis call succeeds again",
    ]


def test_a_restarted_server_is_found_at_the_second_try(valkey: EmbeddedValkey, link: RedisLink) -> None:
    before = failures()
    valkey.stop()
    valkey.start()
    assert ping(link)
    assert failures() == before


def test_a_killed_server_is_left_alone_until_it_is_back(
    valkey: EmbeddedValkey, link: RedisLink, clock: Clock
) -> None:
    valkey.kill()
    assert [ping(link) for _ in range(FAILURES)] == [None] * FAILURES
    assert is_open()
    clock.now = 5.0
    assert ping(link) is None  # the trial
    clock.now = 9.9
    valkey.start()
    assert ping(link) is None  # no trial is due
    clock.now = 10.0
    assert ping(link)
    assert not is_open()


def test_a_full_server_refuses_what_is_written_and_still_reads(
    valkey: EmbeddedValkey, link: RedisLink
) -> None:
    assert link.call("test", lambda client: client.set("k", "v"))
    with redis.Redis.from_url(valkey.url) as other:
        other.config_set("maxmemory", 1)
    with structlog.testing.capture_logs() as events:
        for _ in range(2 * FAILURES):
            assert link.call("test-write", lambda client: client.set("k", "w")) is None
            assert link.call("test", lambda client: client.get("k")) == b"v"
    assert [event["event"] for event in events] == ["redis call failed"]
    assert not is_open()


def test_a_replica_refuses_what_is_written(valkey: EmbeddedValkey, link: RedisLink) -> None:
    with redis.Redis.from_url(valkey.url) as other:
        other.replicaof("127.0.0.1", "1")
    assert link.call("test", lambda client: client.set("k", "w")) is None


def test_no_server_at_all(clock: Clock) -> None:
    link = linked("redis://127.0.0.1:1/0", clock)
    assert ping(link) is None


def test_a_fault_of_the_caller_does_not_end_the_stream(link: RedisLink) -> None:
    def faulty(_: redis.Redis) -> None:
        raise KeyError("fault")

    assert link.call("test", faulty) is None


def test_a_wrong_password_is_refused_and_never_logged(valkey: EmbeddedValkey, clock: Clock) -> None:
    with redis.Redis.from_url(valkey.url) as other:
        other.config_set("requirepass", "right-one")
    link = linked(f"redis://:wr0ng-one@127.0.0.1:{valkey.port}/0", clock)
    with structlog.testing.capture_logs() as events:
        assert [ping(link) for _ in range(FAILURES)] == [None] * FAILURES
    assert "wr0ng-one" not in repr(events)
    assert events
    link.close()


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("http://localhost", "redis://"),
        ("redis://:s3cret@localhost:none/0", "no valid URL"),
        ("redis://:s3cret@localhost:99999/0", "no valid URL"),
        ("redis://:s3cret/of-mine@localhost/0", "%2F for /"),
        ("redis://:123?s3cret=b@localhost/0", "unknown option"),
        ("redis://:s3cret@localhost/0?nonsense=1", "'nonsense'"),
    ],
)
def test_a_url_that_can_not_be_used_is_one_clear_line(url: str, what: str) -> None:
    with pytest.raises(SettingsError) as caught:
        RedisLink(RedisSettings(url=url))
    message = str(caught.value)
    assert message.startswith("settings: redis.url (FLAGSTAFF_REDIS__URL): ")
    assert what in message
    assert "s3cret" not in message
    assert "\n" not in message
