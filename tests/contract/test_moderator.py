"""The moderator with a real Redis: scores and state that outlive it, and a Redis that goes away."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.moderation import WordDetector, post, received
from worker.candidate import Decided, Failed
from worker.detector.scoring import Scorer
from worker.embedded import EmbeddedValkey
from worker.flag_maker import encode_flag
from worker.metrics import CACHE
from worker.moderator import Moderator
from worker.policy import load_policy
from worker.redis_link import RedisLink
from worker.settings import RedisSettings, SignalSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from worker.records import Post

PREFIXES = itertools.count()
TEXTS = (
    "The same old ferry leaves the harbour every morning with nobody but gulls aboard",
    "The same old ferry leaves the harbour every evening with nobody but gulls aboard",
    "much too short",
    "a poisoned text that the detector does not survive",
)


@pytest.fixture
def link(redis_url: str) -> Iterator[RedisLink]:
    link = RedisLink(RedisSettings(url=redis_url, timeout_ms=5_000))
    yield link
    link.close()


def moderator(
    detector: WordDetector, link: RedisLink, *, prefix: str = "p", namespace: str = "live"
) -> Moderator:
    return Moderator(
        detector,
        load_policy(),
        emit="all",
        link=link,
        signal_settings=SignalSettings(),
        redis_settings=RedisSettings(prefix=prefix),
        namespace=namespace,
    )


def run(moderator: Moderator, detector: WordDetector, posts: Sequence[Post]) -> list[bytes]:
    """The flags' bytes; of a post that could not be decided its stage."""
    candidates = moderator.prepare([received(one, offset) for offset, one in enumerate(posts)])
    moderator.score(candidates, Scorer(detector, 10_000))
    shown = []
    for outcome in moderator.decide(candidates):
        if isinstance(outcome, Failed):
            shown.append(outcome.stage.encode())
        else:
            assert outcome.flag is not None
            shown.append(encode_flag(outcome.flag))
    return shown


@given(
    posts=st.lists(
        st.builds(
            post,
            st.integers(0, 5),
            st.sampled_from(TEXTS),
            author=st.sampled_from(("a", "b", None)),
            seconds=st.integers(0, 100_000),
        ),
        max_size=12,
        unique_by=lambda one: one.id,
    ),
    data=st.data(),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_deciding_a_batch_again_gives_the_same_bytes(
    link: RedisLink, posts: list[Post], data: st.DataObject
) -> None:
    prefix = f"p{next(PREFIXES)}"
    first = run(moderator(WordDetector(), link, prefix=prefix), WordDetector(), posts)
    detector = WordDetector()
    assert run(moderator(detector, link, prefix=prefix), detector, posts) == first
    assert not [text for text in detector.scored if "poison" not in text]  # all from the cache
    order = data.draw(st.permutations(range(len(posts))))
    parts = moderator(detector, link, prefix=f"{prefix}-shuffled")
    candidates = parts.prepare([received(posts[n], n) for n in order])
    parts.score(candidates, Scorer(detector, 10_000))
    outcomes = dict(zip(order, parts.decide(candidates), strict=True))
    for number, expected in enumerate(first):
        outcome = outcomes[number]
        shown = encode_flag(outcome.flag) if isinstance(outcome, Decided) and outcome.flag else b"detect"
        assert shown == expected


def test_a_cached_score_gives_the_flag_of_a_fresh_one(link: RedisLink) -> None:
    posts = [post(n, f"text number {n} that is truncated") for n in range(50)]
    fresh, cached = WordDetector(), WordDetector()
    first = run(moderator(fresh, link, namespace="one"), fresh, posts)
    assert run(moderator(cached, link, namespace="two"), cached, posts) == first
    assert len(fresh.scored) == 50
    assert cached.scored == cached.encoded == []


def test_look_ups_are_counted_by_result(link: RedisLink) -> None:
    def counted() -> list[float]:
        return [CACHE.labels(result)._value.get() for result in ("hit", "miss", "unavailable")]

    detector = WordDetector()
    before = counted()
    parts = moderator(detector, link)
    run(parts, detector, [post(n, f"text number {n % 2}") for n in range(4)])
    run(parts, detector, [post(n, f"text number {n % 3}") for n in range(3)])
    assert [now - then for now, then in zip(counted(), before, strict=True)] == [2, 5, 0]


def test_signals_add_up_to_more_than_the_detector_may_do_alone(link: RedisLink) -> None:
    detector = WordDetector()
    text = next(
        text
        for text in (f"{TEXTS[0]} {n}" for n in itertools.count())
        if detector.logits(detector.encode([text]))[0] > 3
    )
    parts = moderator(detector, link)
    (alone,) = run(parts, detector, [post("first", text, author="first")])
    crowd = [post(n, text, author=f"a{n}", seconds=n + 1) for n in range(12)]
    last = run(parts, detector, crowd)[-1]
    assert b'"action":"label"' in alone
    assert b'"action":"review"' in last
    assert b"12 other accounts posted the same text within 24 hours." in last


def test_redis_may_vanish_and_come_back(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path, keep=False) as valkey:
        link = RedisLink(RedisSettings(url=valkey.url, timeout_ms=5_000, breaker_failures=100))
        detector = WordDetector()
        parts = moderator(detector, link)
        posts = [post(n, f"{TEXTS[0]} {n}", seconds=n) for n in range(10)]
        first = run(parts, detector, posts)
        valkey.kill()
        without = run(parts, detector, posts)
        assert len(detector.scored) == 20
        assert all(b"Not known: posting_rate, duplicate_text, near_duplicate" in flag for flag in without)
        valkey.start()
        assert run(parts, detector, posts) == first  # its state was lost with it, and is made again
        assert len(detector.scored) == 30
        link.close()


def test_a_full_redis_costs_the_state_and_not_the_flags(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path, keep=False) as valkey:
        link = RedisLink(RedisSettings(url=valkey.url, timeout_ms=5_000))
        detector = WordDetector()
        parts = moderator(detector, link)
        posts = [post(n, f"{TEXTS[0]} {n}", seconds=n) for n in range(10)]
        run(parts, detector, posts)
        with redis.Redis.from_url(valkey.url) as client:
            client.config_set("maxmemory", 1)
        full = run(parts, detector, posts)
        assert len(detector.scored) == 10  # scores are still read
        assert all(b"Not known: posting_rate" in flag for flag in full)
        link.close()
