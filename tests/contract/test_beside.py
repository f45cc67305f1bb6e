"""The challenger beside the live one with a real Redis: the same readings, and no trace in the live state."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, NamedTuple

import pytest
import redis

from tests.support.moderation import WordDetector, post, received
from worker.candidate import Decided
from worker.detector.calibration import Calibration
from worker.flag_maker import encode_flag, flag_id
from worker.metrics import REGISTRY
from worker.policy import DEFAULT_FILE
from worker.redis_link import RedisLink
from worker.release.beside import Beside
from worker.release.challenger import load_challenger
from worker.release.waiting import Live, Waiting
from worker.settings import PREFIX, Settings, load_settings
from worker.stream.decider import Decider, first_decider

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from worker.detector.protocol import Encoded
    from worker.records import Post, ShadowDecision

TEXT = "The same old ferry leaves the harbour every morning with nobody but gulls aboard"
OTHER = Calibration(
    fitted=True,
    slope=0.8,
    intercept=1.0,
    min_tokens=2,
    languages=("en",),
    threshold=0.7,
    false_positive_bound=0.02,
)


class Both(NamedTuple):
    """A live decider and its challenger on one Redis."""

    settings: Settings
    link: RedisLink
    live: Decider
    challenger: Decider
    beside: Beside

    def decided(self, posts: Sequence[Post]) -> list[ShadowDecision]:
        """What the challenger says of posts that the live one decides."""
        moderator = self.live.moderator
        candidates = moderator.prepare([received(one, offset) for offset, one in enumerate(posts)])
        moderator.score(candidates, self.live.scorer)
        outcomes = moderator.decide(candidates)
        live = Live(self.live.detector.digest, self.live.policy.digest, self.live.detector.calibration)
        waiting = [
            Waiting(outcome.candidate, None, ("posts", 0, offset), 100, live)
            for offset, outcome in enumerate(outcomes)
            if isinstance(outcome, Decided)
        ]
        return [decision for _, decision in self.beside.decide(waiting)]


@pytest.fixture
def link(redis_url: str) -> Iterator[RedisLink]:
    settings = load_settings(environ={f"{PREFIX}REDIS__URL": redis_url, f"{PREFIX}REDIS__TIMEOUT_MS": "5000"})
    link = RedisLink(settings.redis)
    yield link
    link.close()


def both(link: RedisLink, detector: WordDetector | None, **more: str) -> Both:
    """`detector`: the challenger's; None: the live one under another policy."""
    values = {"EMIT": "all", **more} | ({"STAGE__MODEL": "its own"} if detector is not None else {})
    settings = load_settings(environ={f"{PREFIX}{name}": value for name, value in values.items()})
    live = first_decider(settings, link, detector=WordDetector())
    challenger = load_challenger(settings, link, live, detector)
    return Both(settings, link, live, challenger, Beside(settings, challenger, link))


def some_posts(first: int = 0) -> list[Post]:
    return [
        post(first + n, f"{TEXT} {first + n}" if n % 3 else TEXT, author=f"a{n % 4}", seconds=first + n)
        for n in range(40)
    ]


def keys(url: str) -> dict[str, int]:
    with redis.Redis.from_url(url) as client:
        return {
            key.decode(): client.zcard(key) if client.type(key) == b"zset" else 1
            for key in client.scan_iter(match="*")
        }


def test_it_decides_as_it_would_live(link: RedisLink, redis_url: str) -> None:
    """The same posts once beside, and once through the challenger as the only one, on another Redis state."""
    pair = both(link, WordDetector(OTHER, digest="word-detector-2"))
    beside = pair.decided(some_posts())
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    moderator = pair.challenger.moderator
    candidates = moderator.prepare([received(one, offset) for offset, one in enumerate(some_posts())])
    moderator.score(candidates, pair.challenger.scorer)
    alone = [one.flag for one in moderator.decide(candidates) if isinstance(one, Decided) and one.flag]
    assert [encode_flag(one.flag) for one in beside] == [encode_flag(flag) for flag in alone]
    assert {signal.value is None for flag in alone for signal in flag.signals} == {True, False}
    assert any(one.flag.action != one.live.action for one in beside)


def test_it_leaves_the_live_state_as_it_is(link: RedisLink, redis_url: str) -> None:
    pair = both(link, WordDetector(OTHER, digest="word-detector-2"))
    moderator = pair.live.moderator
    candidates = moderator.prepare([received(one, offset) for offset, one in enumerate(some_posts())])
    moderator.score(candidates, pair.live.scorer)
    moderator.decide(candidates)
    before = keys(redis_url)
    pair.decided(some_posts())
    after = keys(redis_url)
    added = after.keys() - before.keys()
    assert {name: after[name] for name in before} == before
    assert added
    assert all(name.startswith("flagstaff:live:author_record:word-detector-2:") for name in added)
    assert sum(after[name] for name in added) == 40


def test_what_was_decided_live_stands_beside_it(link: RedisLink) -> None:
    pair = both(link, WordDetector(OTHER, digest="word-detector-2"))
    moderator = pair.live.moderator
    posts = some_posts()
    decisions = {one.flag.post_id: one.live for one in pair.decided(posts)}
    candidates = moderator.prepare([received(one, offset) for offset, one in enumerate(posts)])
    for outcome in moderator.decide(candidates):
        assert isinstance(outcome, Decided)
        flag = outcome.flag
        assert flag is not None
        said = decisions[flag.post_id]
        assert (said.flag_id, said.action, said.score) == (flag.id, flag.action, flag.score)
        assert said.probability == flag.detector.probability
        assert said.calibrated == flag.detector.calibrated
        assert (said.detector, said.policy) == (flag.detector.digest, flag.policy.digest)


def test_a_policy_alone_needs_no_second_look_at_the_text(link: RedisLink, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    shutil.copy(DEFAULT_FILE, policy)
    policy.write_text(policy.read_text().replace("label: 0.80", "label: 0.51"))
    pair = both(link, None, STAGE__POLICY_FILE=str(policy))
    detector = pair.live.detector
    assert isinstance(detector, WordDetector)
    detector.scored.clear()
    decisions = pair.decided(some_posts())
    assert len(decisions) == 40
    # Those of the live decision alone: 28 texts, one of them 14 times.
    assert len(detector.scored) == len(set(detector.scored))
    for one in decisions:
        assert one.flag.detector.digest == one.live.detector
        assert one.flag.policy.digest == pair.challenger.policy.digest != one.live.policy
        assert one.flag.id == flag_id(
            one.flag.post_id, one.flag.source, one.live.detector, one.flag.policy.digest
        )
    assert any(one.flag.action == "label" and one.live.action != "label" for one in decisions)


class _Breaking(WordDetector):
    """Fails on some texts."""

    def logits(self, batch: Sequence[Encoded]) -> list[float]:
        if any(one.payload.endswith("7") for one in batch):
            raise ValueError("no sevens")
        return super().logits(batch)


def test_what_the_challenger_can_not_score_is_left_out_and_harms_nothing_else(link: RedisLink) -> None:
    pair = both(link, _Breaking(OTHER, digest="word-detector-2"))
    decided = {one.flag.post_id for one in pair.decided(some_posts())}
    assert decided == {f"p{n}" for n in range(40) if n % 3 == 0 or n % 10 != 7}


def test_its_missing_signals_are_counted_apart(link: RedisLink) -> None:
    def counted(name: str) -> float:
        return REGISTRY.get_sample_value(f"flagstaff_{name}_total", {"signal": "author_record"}) or 0.0

    pair = both(link, WordDetector(OTHER, digest="word-detector-2"))
    live, shadow = counted("signals_missing"), counted("shadow_signals_missing")
    pair.decided(some_posts())
    # Three posts before a fourth, for each of four authors, in either state.
    assert counted("signals_missing") - live == counted("shadow_signals_missing") - shadow > 0
