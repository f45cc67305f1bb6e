"""Signals that remember, against a real Redis, beside the same thing worked out from a list."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.moderation import WordDetector, facts, post
from worker.redis_link import RedisLink
from worker.settings import RedisSettings, SignalSettings
from worker.signals.author_record import CLIP, FEWEST, SHRINKAGE
from worker.signals.catalogue import SIGNAL_NAMES
from worker.signals.facts import name_of
from worker.signals.minhash import Signature, signatures
from worker.signals.near_duplicate import NEAR
from worker.signals.posting_rate import MOST
from worker.signals.readings import SignalSet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.signals.facts import Facts

LONG = "Every single morning the same old ferry leaves the harbour with nobody but gulls aboard"
TEXTS = (
    LONG,
    f"{LONG} 7",  # nearly the same
    f"{LONG} yes",  # as above, not quite so near
    "The council has voted to keep the swimming pool open until the end of September",
    "too short to say",
)
SETTINGS = SignalSettings(rate_window_s=10, duplicate_window_s=20, record_window_s=30, record_posts=5)
NAMESPACES = itertools.count()


class Readings(NamedTuple):
    """Readings of the state signals of one post."""

    posting_rate: float | None
    duplicate_text: float | None
    near_duplicate: float | None
    author_record: float | None


@pytest.fixture
def link(redis_url: str) -> Iterator[RedisLink]:
    link = RedisLink(RedisSettings(url=redis_url, timeout_ms=5_000))
    yield link
    link.close()


def signal_set(
    link: RedisLink | None, *, namespace: str = "t", settings: SignalSettings = SETTINGS
) -> SignalSet:
    return SignalSet(settings, WordDetector(), link=link, prefix=f"flagstaff:{namespace}")


def read(signals: SignalSet, batch: Sequence[Facts]) -> list[Readings]:
    found = []
    for values in signals.read(batch):
        assert not isinstance(values, Exception), values
        found.append(Readings(*(values[signals.names.index(name)] for name in Readings._fields)))
    return found


def worked_out(own: Facts, every: Sequence[Facts]) -> Readings:
    """The same from the list of all posts, straight from the signals' descriptions."""
    author = own.post.author
    if author is None:
        return Readings(None, None, None, None)

    def place(one: Facts) -> tuple[int, bytes]:
        return one.at, name_of(one.post.id)

    def earlier(window_s: int) -> list[Facts]:
        start = own.at - window_s * 1000
        return sorted((one for one in every if start < one.at and place(one) < place(own)), key=place)

    def authors(those: Sequence[Facts]) -> float:
        return float(len({one.post.author.id for one in those if one.post.author} - {author.id}))

    def signature(one: Facts) -> Signature | None:
        return signatures([one.text])[0]

    def is_near(one: Facts) -> bool:
        theirs, ours = signature(one), signature(own)
        if theirs is None or ours is None or one.text == own.text:
            return False
        agree = [a == b for a, b in zip(theirs.bytes, ours.bytes, strict=True)]
        return sum(agree) >= NEAR and any(all(agree[band : band + 5]) for band in range(0, 25, 5))

    recent = earlier(20)
    same = [one for one in recent if one.text == own.text]
    mine = [one for one in earlier(30) if one.post.author == author and one.covered][-5:]
    evidence: dict[str, float] = {}
    for one in reversed(mine):
        evidence.setdefault(one.digest, max(-CLIP, min(CLIP, 0.5 * one.logit + 0.25)))
    enough = len(evidence) >= FEWEST
    return Readings(
        posting_rate=1.0 + sum(one.post.author == author for one in earlier(10)),
        duplicate_text=authors(same) if len(own.text) >= 32 else None,
        near_duplicate=authors([one for one in recent if is_near(one)])
        if signature(own) is not None
        else None,
        author_record=sum(evidence.values()) / (len(evidence) + SHRINKAGE) if enough else None,
    )


@st.composite
def streams(draw: st.DrawFn) -> list[Facts]:
    count = draw(st.integers(1, 25))
    return [
        facts(
            post(
                number,
                draw(st.sampled_from(TEXTS)),
                author=draw(st.sampled_from(("a", "b", "c", None))),
                seconds=draw(st.integers(0, 40)),
            ),
            logit=draw(st.sampled_from((-20.0, -1.5, 0.1, 3.0, 20.0))),
            covered=draw(st.booleans()),
        )
        for number in range(count)
    ]


@given(stream=streams(), data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_readings_are_those_of_the_whole_stream_whatever_was_delivered_how_often(
    link: RedisLink, stream: list[Facts], data: st.DataObject
) -> None:
    signals = signal_set(link, namespace=f"n{next(NAMESPACES)}")
    cut = data.draw(st.integers(0, len(stream)))
    for part in (stream[:cut], stream[cut:], data.draw(st.permutations(stream))):
        read(signals, part)
    assert read(signals, stream) == [worked_out(one, stream) for one in stream]


@given(stream=streams(), data=st.data())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_order_within_a_batch_does_not_matter(
    link: RedisLink, stream: list[Facts], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(stream))))
    straight = read(signal_set(link, namespace=f"n{next(NAMESPACES)}"), stream)
    shuffled = read(signal_set(link, namespace=f"n{next(NAMESPACES)}"), [stream[index] for index in order])
    assert shuffled == [straight[index] for index in order]


def test_a_post_reads_the_same_again_after_later_ones_came(link: RedisLink) -> None:
    signals = signal_set(link)
    early = [facts(post(n, LONG, author=f"a{n % 3}", seconds=n)) for n in range(9)]
    first = read(signals, early)
    read(signals, [facts(post(n, LONG, author=f"a{n % 4}", seconds=n)) for n in range(9, 60)])
    assert read(signals, early) == first


def test_namespaces_and_detectors_are_kept_apart(link: RedisLink) -> None:
    batch = [facts(post(n, f"{LONG} {'x' * n}", seconds=n)) for n in range(5)]
    read(signal_set(link), batch)
    assert read(signal_set(link, namespace="replay"), batch[-1:])[0] == Readings(1.0, 0.0, 0.0, None)
    other = SignalSet(SETTINGS, WordDetector(digest="other"), link=link, prefix="flagstaff:t")
    assert read(other, batch[-1:])[0].author_record is None
    assert read(other, batch[-1:])[0].posting_rate == 5.0


def test_a_flood_fills_no_more_than_the_bound_and_every_key_expires(link: RedisLink, redis_url: str) -> None:
    signals = signal_set(link)
    for start in range(0, 2000, 1000):
        numbers = range(start, start + 1000)
        batch = [facts(post(n, LONG, author="flood", seconds=n / 1000)) for n in numbers]
        assert read(signals, batch) == [Readings(float(min(n + 1, MOST)), 0.0, 0.0, None) for n in numbers]
    with redis.Redis.from_url(redis_url) as client:
        keys = list(client.scan_iter(match="flagstaff:t:*"))
        assert len(keys) == 1 + 1 + 5 + 1
        # One post in 16 clears up.
        assert all(client.zcard(key) <= 2 * MOST + 64 for key in keys)
        assert all(0 < client.pttl(key) <= 60_000 for key in keys)


def test_no_id_and_no_text_is_found_in_redis(link: RedisLink, redis_url: str) -> None:
    read(signal_set(link), [facts(post("secret-post", LONG, author="secret-author"))])
    with redis.Redis.from_url(redis_url) as client:
        for key in client.scan_iter():
            held = key + b"".join(client.zrange(key, 0, -1))
            assert b"secret" not in held
            assert b"harbour" not in held


def test_without_redis_what_is_remembered_is_missing_and_the_rest_is_read() -> None:
    (values,) = signal_set(None).read([facts(post(1, LONG))])
    assert dict(zip(SIGNAL_NAMES, values, strict=True)) == {  # type: ignore[arg-type]  # no exception here
        "account_age": 100.0,
        "follower_ratio": 1.0,
        "posting_rate": None,
        "duplicate_text": None,
        "near_duplicate": None,
        "link_share": 0.0,
        "author_record": None,
    }


def test_a_post_that_no_question_can_be_made_of_fails_alone(link: RedisLink) -> None:
    # Intake refuses lone surrogates; should one get through, it must not take its batch with it.
    batch = [facts(post(1, LONG)), facts(post(2, LONG, author="\ud800")), facts(post(3, LONG, seconds=1))]
    first, second, third = signal_set(link).read(batch)
    assert isinstance(second, UnicodeEncodeError)
    assert not isinstance(first, Exception)
    assert not isinstance(third, Exception)
    assert third[SIGNAL_NAMES.index("posting_rate")] == 2.0
