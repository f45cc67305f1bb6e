"""What the plan takes a post to leave behind in Redis and Kafka, against real ones."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec
import pytest
import redis

from tests.support.moderation import WordDetector, facts, post
from tests.support.posts import posts
from tests.support.running import all_decided, publish, running, worker_settings
from tests.support.waiting import wait_until
from worker.cache import CachedScore, ScoreCache
from worker.capacity.footprint import FLAG, SCORE, SIGNALS
from worker.redis_link import RedisLink
from worker.settings import RedisSettings, SignalSettings
from worker.signals.readings import SignalSet
from worker.text import text_digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.support.topics import TopicFactory
    from worker.embedded import EmbeddedKafka, EmbeddedValkey
    from worker.signals.facts import Facts

# How far a constant may be from what is measured: tables of keys double, so a key's share of them varies.
NEAR = 0.25


@pytest.fixture
def client(embedded_valkey: EmbeddedValkey) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(embedded_valkey.url) as one:
        emptied(one)
        yield one
        emptied(one)


def emptied(client: redis.Redis) -> None:
    """By default the server frees the memory later."""
    client.execute_command("FLUSHALL", "SYNC")  # type: ignore[no-untyped-call]  # redis-py has no types for it


def used(client: redis.Redis) -> int:
    return int(client.info("memory")["used_memory"])


def words(number: int) -> str:
    """A text of letters alone, unlike any other's."""
    digest = blake2b(str(number).encode(), digest_size=40).hexdigest()
    letters = digest.translate(str.maketrans("0123456789", "ghijklmnop"))
    return " ".join(letters[begin : begin + 5] for begin in range(0, 80, 5))


def noted(name: str, keys: int, members: int) -> list[Facts]:
    """Posts that fill so many keys of a signal with so many members each, one after another in time."""
    by_author = name in {"posting_rate", "author_record"}
    return [
        facts(
            post(
                f"{key}-{member}",
                words(key * 1_000 + member if by_author else key),
                author=f"a{key}" if by_author else f"a{key}-{member}",
                seconds=member,
            )
        )
        for member in range(members)
        for key in range(keys)
    ]


def bytes_of(client: redis.Redis, url: str, name: str, batch: Sequence[Facts]) -> int:
    emptied(client)
    link = RedisLink(RedisSettings(url=url, timeout_ms=20_000))
    signals = SignalSet(SignalSettings(enabled=(name,)), WordDetector(), link=link, prefix="flagstaff:live")
    signals.read([facts(post("first", words(-1)))])
    emptied(client)
    before = used(client)
    for begin in range(0, len(batch), 500):
        signals.read(batch[begin : begin + 500])
    link.close()
    return used(client) - before


@pytest.mark.parametrize("name", SIGNALS)
def test_memory_of_a_signals_keys(client: redis.Redis, embedded_valkey: EmbeddedValkey, name: str) -> None:
    bands = 5 if name == "near_duplicate" else 1
    known = SIGNALS[name]
    for keys, members in ((6_000, 1), (300, 40), (60, 180)):
        found = bytes_of(client, embedded_valkey.url, name, noted(name, keys, members))
        assert client.dbsize() == pytest.approx(keys * bands, rel=0.05)
        assert known.of(keys * bands, keys * bands * members) == pytest.approx(found, rel=NEAR), members


def test_memory_of_a_score(client: redis.Redis, embedded_valkey: EmbeddedValkey) -> None:
    link = RedisLink(RedisSettings(url=embedded_valkey.url, timeout_ms=20_000))
    cache = ScoreCache(link, "flagstaff", 3_600)
    before = used(client)
    scores = [(text_digest(words(number)), CachedScore(1.5, 70, truncated=False)) for number in range(20_000)]
    assert cache.put_many("d" * 32, scores)
    link.close()
    assert (used(client) - before) / len(scores) == pytest.approx(SCORE, rel=NEAR)


def test_bytes_of_a_flag(embedded_kafka: EmbeddedKafka, topic: TopicFactory, tmp_path: Path) -> None:
    topics = {name: topic(name) for name in ("posts", "flags", "dead_letters")}
    servers = embedded_kafka.bootstrap_servers
    settings = worker_settings(
        tmp_path, servers, topics, DETECTOR__MODEL="default", ACTION_RATE__ENABLED="false"
    )
    count = 2_000
    publish(servers, topics["posts"], [msgspec.json.encode(one) for one in posts(count)])
    with running(settings):
        wait_until(lambda: all_decided(servers, settings), what="all posts decided")
    stored = sum(file.stat().st_size for file in embedded_kafka.folder.glob(f"**/{topics['flags']}-0/*.log"))
    assert stored / count == pytest.approx(FLAG, rel=NEAR)
