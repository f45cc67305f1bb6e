"""The breaker behind the policy, fed with decided posts; what it is told of holds is given by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from kafka import TopicPartition
from msgspec.structs import replace
from structlog.testing import capture_logs

from tests.support.moderation import post, received
from tests.unit.test_schemas import FLAG
from worker.action_rate.hold import released
from worker.candidate import Candidate, Decided, Failed
from worker.records import Hold
from worker.settings import ActionRateSettings, Settings
from worker.stream.action_breaker import ActionBreaker
from worker.stream.item import Item

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from worker.candidate import Outcome
    from worker.records import Action, Holdable

# An action that every post gets is found at the 181st of them while nothing is learned.
TRIPS_AT = 181
SETTINGS = Settings(action_rate=ActionRateSettings(learn_posts=100_000))


class _Record(NamedTuple):
    offset: int
    partition: int = 0
    value: bytes = b"{}"


class _Holds:
    """Stands for the topic: what is put there stands at once."""

    def __init__(self) -> None:
        self.standing: dict[Holdable, Hold] = {}

    def put(self, hold: Hold) -> None:
        self.standing = {**self.standing, hold.action: hold}

    def lift(self, action: Holdable, usual: float | None = None) -> None:
        at = datetime.now(UTC)
        self.put(
            Hold(
                group="flagstaff",
                action=action,
                held=False,
                by="ann",
                at=at,
                note="mended",
                share=None,
                usual=usual,
                posts=None,
            )
        )


class Stream:
    """One worker's breaker, and the posts that come to it."""

    def __init__(self, folder: Path, settings: Settings = SETTINGS) -> None:
        self.holds = _Holds()
        holds: Any = self.holds
        self.breaker = ActionBreaker(settings, holds=holds, worker="w-0", memory=folder / "0.action-rates")
        self._next = 0

    def decide(self, actions: Sequence[Action | None], *, offset: int | None = None) -> list[Outcome]:
        """What becomes of posts with these actions by the policy; None: one that could not be decided."""
        start = self._next if offset is None else offset
        items = [Item(_Record(start + n), TopicPartition("posts", 0), 1) for n in range(len(actions))]
        self._next = start + len(actions)
        candidate = Candidate(received(post(1, "x")), "x", "00")
        outcomes: list[Outcome] = [
            Failed(candidate, "detect", ValueError("x"))
            if action is None
            else Decided(candidate, action, replace(FLAG, action=action))
            for action in actions
        ]
        return self.breaker.apply(items, outcomes)


@pytest.fixture
def stream(tmp_path: Path) -> Stream:
    return Stream(tmp_path)


def published(outcomes: Sequence[Outcome]) -> list[str]:
    return [outcome.action for outcome in outcomes if isinstance(outcome, Decided)]


def one_in(posts: int) -> list[Action]:
    return ["pass" if n else "review" for n in range(posts)]


@pytest.mark.parametrize("action", ["review", "limit"])
@pytest.mark.parametrize("batch", [1, 50, 1_000])
def test_an_action_that_every_post_gets_is_held_from_the_stated_post_on(
    stream: Stream, action: Action, batch: int
) -> None:
    with capture_logs() as logs:
        outcomes = [one for _ in range(1_000 // batch) for one in stream.decide([action] * batch)]
    assert published(outcomes) == [action] * (TRIPS_AT - 1) + ["label"] * (1_000 - TRIPS_AT + 1)
    last = outcomes[-1]
    assert isinstance(last, Decided)
    assert last.held == action
    assert last.flag is not None
    assert released(last.flag) == replace(FLAG, action=action)
    (line,) = [line for line in logs if line["event"] == "action_held"]
    assert (line["flags"], line["posts"], line["share"], line["usual"]) == (TRIPS_AT, TRIPS_AT, 1.0, 0.1)
    (held,) = stream.holds.standing.values()
    assert (held.action, held.held, held.by, held.posts) == (action, True, "w-0", TRIPS_AT)


def test_only_the_action_that_is_held_is_changed(stream: Stream) -> None:
    stream.decide(["review"] * 500)
    kept: list[Action] = ["pass", "label", "review", "limit", "abstain"]
    assert published(stream.decide(kept)) == ["pass", "label", "label", "limit", "abstain"]


def test_usual_flags_pass_and_failed_posts_do_not_count(stream: Stream) -> None:
    usual = one_in(10)
    for _ in range(500):
        assert published(stream.decide(usual)) == usual
    mixed: list[Action | None] = ["review", None, None, None] * (TRIPS_AT - 1)
    assert "label" not in published(stream.decide(mixed))
    assert published(stream.decide(["review"] * 20)).count("label") > 0


def test_posts_that_are_decided_again_are_no_new_evidence(stream: Stream) -> None:
    for _ in range(20):
        assert "label" not in published(stream.decide(["review"] * 100, offset=0))
    outcomes = stream.decide(["review"] * 100, offset=50)
    assert "label" not in published(outcomes), "only 50 of them are new"
    assert "label" in published(stream.decide(["review"] * 31))


def test_what_another_worker_holds_is_held_here_until_it_is_lifted(stream: Stream, tmp_path: Path) -> None:
    stream.decide(["review"] * 500)
    other = Stream(tmp_path / "other")
    other.holds.standing = stream.holds.standing
    assert published(other.decide(["review"] * 3)) == ["label"] * 3
    other.holds.lift("review")
    assert published(other.decide(["review"] * 180)) == ["review"] * 180
    assert published(other.decide(["review"])) == ["label"]


def test_a_lift_can_state_a_new_usual_share(stream: Stream) -> None:
    half: list[Action] = ["review", "pass"] * 5_000
    assert "label" in published(stream.decide(half))
    stream.holds.lift("review", usual=0.5)
    assert published(stream.decide(half)) == half


def test_what_was_learned_outlives_the_process(stream: Stream, tmp_path: Path) -> None:
    for _ in range(10):
        stream.decide(one_in(50) * 20)
    again = Stream(tmp_path)
    outcomes = published(again.decide(["review"] * 200))
    assert outcomes.index("label") + 1 == 151, "found sooner than where nothing is learned"


def test_a_share_that_fell_is_told_and_nothing_is_held(tmp_path: Path) -> None:
    rates = ActionRateSettings(usual_review=0.05)
    stream = Stream(tmp_path, Settings(action_rate=rates))
    with capture_logs() as logs:
        outcomes = stream.decide(["pass"] * 20_000)
    assert set(published(outcomes)) == {"pass"}
    assert [(line["event"], line["action"]) for line in logs] == [("action_rate_low", "review")]
