"""`flagstaff warm` against a real Kafka and a real Redis."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec
import pytest
import redis
from kafka import KafkaProducer

from tests.support.command import flagstaff
from tests.support.linear_checkpoint import linear_checkpoint
from tests.support.moderation import WordDetector, post
from worker.candidate import Decided, Received
from worker.detector.scoring import Scorer
from worker.embedded import EmbeddedValkey
from worker.errors import BrokerError, FlagstaffError, SettingsError
from worker.moderator import Moderator
from worker.policy import load_policy
from worker.records import Flag, Post, Source
from worker.redis_link import RedisLink
from worker.settings import KafkaSettings, RedisSettings, Settings, SignalSettings, TopicSettings
from worker.warmup import Warmup

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.topics import TopicFactory

TEXT = "The same old ferry leaves the harbour every morning with nobody but gulls aboard"
NOW_S = 1_772_366_400 + 100
SIGNALS = SignalSettings(rate_window_s=20, duplicate_window_s=50, record_window_s=80)


def settings_for(broker: str, topic: str, url: str) -> Settings:
    return Settings(
        kafka=KafkaSettings(bootstrap_servers=broker),
        topics=TopicSettings(posts=topic),
        redis=RedisSettings(url=url, timeout_ms=5_000),
        signals=SIGNALS,
    )


def sent(broker: str, topic: str, posts: list[Post]) -> None:
    """Each with its own time as the record's timestamp; among them what is no post, and an aborted one."""
    plain = KafkaProducer(bootstrap_servers=broker)
    for number, one in enumerate(posts):
        assert one.created_at is not None
        at = int(one.created_at.timestamp() * 1000)
        plain.send(topic, value=msgspec.json.encode(one), timestamp_ms=at, partition=number % 2)
        # One batch a record: Kafka finds times by batch.
        plain.flush()
    plain.close()
    producer = KafkaProducer(bootstrap_servers=broker, transactional_id=f"{topic}-test")
    producer.init_transactions()
    producer.begin_transaction()
    for value in (b"{broken", None):
        producer.send(topic, key=b"k", value=value, timestamp_ms=(NOW_S - 1) * 1000)
    producer.commit_transaction()
    producer.begin_transaction()
    never = msgspec.json.encode(post("never", TEXT, author="never", seconds=99))
    producer.send(topic, value=never, timestamp_ms=(NOW_S - 1) * 1000)
    producer.flush()
    producer.abort_transaction()
    producer.close()


def latest(url: str) -> Flag:
    """What a post at the end of the windows reads."""
    link = RedisLink(RedisSettings(url=url, timeout_ms=5_000))
    detector = WordDetector()
    moderator = Moderator(
        detector,
        load_policy(),
        emit="all",
        link=link,
        signal_settings=SIGNALS,
        redis_settings=RedisSettings(),
    )
    one = Received(post("new", TEXT, author="new", seconds=100), Source("t", 0, 0, 0))
    candidates = moderator.prepare([one])
    moderator.score(candidates, Scorer(detector, 1_000))
    (outcome,) = moderator.decide(candidates)
    link.close()
    assert isinstance(outcome, Decided)
    assert outcome.flag is not None
    return outcome.flag


def test_state_is_built_again_each_signal_from_its_own_window(
    broker: str, topic: TopicFactory, redis_url: str
) -> None:
    name = topic("posts", servers=broker, partitions=2)
    sent(broker, name, [post(n, f"{TEXT}{' ' * n}", author=f"a{n % 5}", seconds=n) for n in range(10, 100)])
    settings = settings_for(broker, name, redis_url)
    shown: list[tuple[int, int]] = []
    detector = WordDetector()
    warmed = Warmup(settings, detector, load_policy(), lambda: NOW_S).run(
        lambda passed, total: shown.append((passed, total))
    )
    # Event times 20 to 99 lie in the longest window; what is broken, deleted or aborted is no post.
    assert warmed == (80, 2)
    assert len(detector.scored) == 1
    assert shown == sorted(shown)
    assert all(passed <= total for passed, total in shown)
    before = latest(redis_url)
    values = {signal.name: signal.value for signal in before.signals}
    assert values["duplicate_text"] == 5.0
    with redis.Redis.from_url(redis_url) as client:
        (key,) = client.scan_iter(match="flagstaff:live:duplicate_text:*")
        # 50 seconds of posts, and the one that `latest` noted.
        assert client.zcard(key) == 51
        records = list(client.scan_iter(match="flagstaff:live:author_record:*"))
        assert sum(client.zcard(key) for key in records) == 81
    assert Warmup(settings, detector, load_policy(), lambda: NOW_S).run(lambda *_: None) == (80, 2)
    assert latest(redis_url) == before


def test_it_stops_when_redis_is_full_and_says_so(broker: str, topic: TopicFactory, tmp_path: Path) -> None:
    name = topic("posts", servers=broker, partitions=2)
    sent(broker, name, [post(1, TEXT, seconds=99)])
    with EmbeddedValkey(tmp_path, keep=False, options={"maxmemory": "1"}) as valkey:
        warmup = Warmup(settings_for(broker, name, valkey.url), WordDetector(), load_policy(), lambda: NOW_S)
        with pytest.raises(FlagstaffError, match="Redis can't be used after 0 posts"):
            warmup.run(lambda *_: None)


def test_what_is_missing_is_one_clear_line(broker: str, redis_url: str) -> None:
    def warmup(settings: Settings) -> Warmup:
        return Warmup(settings, WordDetector(), load_policy())

    settings = settings_for(broker, "no-such-topic", redis_url)
    with pytest.raises(BrokerError, match="'no-such-topic' does not exist"):
        warmup(settings).run(lambda *_: None)
    with pytest.raises(SettingsError, match="FLAGSTAFF_REDIS__URL"):
        warmup(settings_for(broker, "posts", ""))
    with pytest.raises(FlagstaffError, match="Redis can't be used"):
        warmup(settings_for(broker, "posts", "redis://127.0.0.1:1/0")).run(lambda *_: None)
    nothing = msgspec.structs.replace(settings, signals=SignalSettings(enabled=("link_share",)))
    with pytest.raises(SettingsError, match="FLAGSTAFF_SIGNALS__ENABLED"):
        warmup(nothing)


def test_the_command_says_what_it_did(broker: str, topic: TopicFactory, redis_url: str) -> None:
    name = topic("posts", servers=broker, partitions=2)
    producer = KafkaProducer(bootstrap_servers=broker)
    at = int(time.time() * 1000)
    for number in range(3):
        value = msgspec.json.encode(post(number, TEXT, author=f"a{number}"))
        producer.send(name, value=value, timestamp_ms=at)
    producer.send(name, value=b"{broken")
    producer.close()
    ended = flagstaff(
        "warm",
        settings={
            "KAFKA__BOOTSTRAP_SERVERS": broker,
            "TOPICS__POSTS": name,
            "REDIS__URL": redis_url,
            "DETECTOR__MODEL": "constant",
        },
    )
    assert (ended.code, ended.out) == (0, "3 posts noted, 1 records left out\n"), ended.err


def test_a_challengers_record_is_filled_under_its_own_detector(
    broker: str, topic: TopicFactory, redis_url: str, tmp_path: Path
) -> None:
    name = topic("posts", servers=broker, partitions=2)
    producer = KafkaProducer(bootstrap_servers=broker)
    producer.send(name, value=msgspec.json.encode(post(1, TEXT)), timestamp_ms=int(time.time() * 1000))
    producer.close()
    challenger = linear_checkpoint(tmp_path / "challenger", 1.0)
    settings = {"KAFKA__BOOTSTRAP_SERVERS": broker, "TOPICS__POSTS": name, "REDIS__URL": redis_url}
    refused = flagstaff("warm", "--challenger", settings=settings)
    assert (refused.code, "FLAGSTAFF_STAGE__MODEL" in refused.err) == (2, True)
    named = settings | {"STAGE__MODEL": str(tmp_path / "challenger")}
    assert flagstaff("warm", "--challenger", settings=named).out.startswith("1 posts noted")
    with redis.Redis.from_url(redis_url) as client:
        (key,) = client.scan_iter(match="flagstaff:live:author_record:*")
        assert f":{challenger.digest[:16]}:" in key.decode()
