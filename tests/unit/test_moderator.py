"""The moderator without Redis. What it does with one stands in tests/contract/test_moderator.py."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.moderation import START, START_MS, WordDetector, post, received
from worker.candidate import Decided, Failed
from worker.detector.calibration import Calibration
from worker.detector.scoring import Scorer
from worker.errors import SettingsError
from worker.flag_maker import encode_flag
from worker.metrics import CACHE, SIGNALS_MISSING
from worker.moderator import Moderator
from worker.policy import Policy, SignalRule, SignalRules, load_policy
from worker.records import Author, Flag, Post
from worker.settings import RedisSettings, SignalSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.candidate import Outcome

TEXTS = st.sampled_from(
    ("one two three four", "a poison b c", "much too", "seven and eight and nine", "unreadable it is", "")
)


def moderator(
    detector: WordDetector, *, emit: Literal["flagged", "all"] = "all", policy: Policy | None = None
) -> Moderator:
    return Moderator(
        detector,
        policy or load_policy(),
        emit=emit,
        link=None,
        signal_settings=SignalSettings(),
        redis_settings=RedisSettings(),
    )


def run(moderator: Moderator, detector: WordDetector, posts: Sequence[Post]) -> list[Outcome]:
    candidates = moderator.prepare([received(one, offset) for offset, one in enumerate(posts)])
    moderator.score(candidates, Scorer(detector, 10_000))
    return moderator.decide(candidates)


def flag_of(outcome: Outcome) -> Flag:
    assert isinstance(outcome, Decided), outcome
    assert outcome.flag is not None
    return outcome.flag


def only(detector: WordDetector, one: Post, **options: Any) -> Flag:
    (outcome,) = run(moderator(detector, **options), detector, [one])
    return flag_of(outcome)


def test_a_flag_says_what_is_known_and_what_is_not() -> None:
    detector = WordDetector()
    one = msgspec.structs.replace(post(1, "one two three four"), metadata={"campaign": 7})
    flag = only(detector, one)
    assert flag.post_id == "p1"
    assert flag.author_id == "a"
    assert flag.metadata == {"campaign": 7}
    assert flag.source.timestamp == START_MS
    assert flag.detector.tokens == 4
    assert flag.detector.calibrated
    assert [signal.name for signal in flag.signals] == list(SignalSettings().enabled)
    values = {signal.name: signal.value for signal in flag.signals}
    assert values["account_age"] == 100.0
    assert values["posting_rate"] is None
    assert flag.reasons[-1] == "Not known: posting_rate, duplicate_text, near_duplicate, author_record."
    assert (flag.policy.name, flag.policy.digest) == ("default", load_policy().digest)


def test_a_flag_never_carries_the_text() -> None:
    flag = only(WordDetector(), post(1, "quite unmistakable wording here"))
    assert b"unmistakable" not in encode_flag(flag)


def test_texts_that_look_the_same_are_scored_once() -> None:
    detector = WordDetector()
    texts = ["one two three", "one  two three ", "one\u200b two three", "four five six"]
    outcomes = run(moderator(detector), detector, [post(n, text) for n, text in enumerate(texts)])
    assert detector.encoded == ["one two three", "four five six"]
    assert detector.scored == ["one two three", "four five six"]
    assert len({flag_of(outcome).detector.logit for outcome in outcomes[:3]}) == 1


def test_one_bad_post_harms_one_post() -> None:
    detector = WordDetector()
    texts = ["one two three", "with poison in it", "unreadable", "four five six", "with poison in it"]
    outcomes = run(moderator(detector), detector, [post(n, text) for n, text in enumerate(texts)])
    assert [type(outcome) for outcome in outcomes] == [Decided, Failed, Failed, Decided, Failed]
    for outcome in outcomes:
        if isinstance(outcome, Failed):
            assert outcome.stage == "detect"
            assert isinstance(outcome.error, ValueError)


def test_a_score_that_is_no_number_is_a_failure_of_its_post() -> None:
    detector = WordDetector()
    parts = moderator(detector)
    candidates = parts.prepare([received(post(n, "one two three")) for n in range(2)])
    candidates[0].logit, candidates[1].logit = float("nan"), 1.0
    first, second = parts.decide(candidates)
    assert isinstance(first, Failed)
    assert str(first.error) == "the detector gave nan, which is no score"
    assert isinstance(second, Decided)


def test_a_post_that_nobody_scored_is_a_failure_and_not_a_guess() -> None:
    parts = moderator(WordDetector())
    (outcome,) = parts.decide(parts.prepare([received(post(1, "one two three"))]))
    assert isinstance(outcome, Failed)
    assert outcome.stage == "detect"


def test_a_policy_that_fails_on_one_post_harms_one_post(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = WordDetector()

    def failing(_: object, value: float) -> float:
        return 0.0 / (value - 7.0)

    # No policy that passes its schema fails on any value, so a fault is put into the arithmetic.
    monkeypatch.setattr("worker.judgement._Scale.contribution", failing)
    week_old = Author("b", START - timedelta(days=7))
    posts = [post(1, "one two three"), msgspec.structs.replace(post(2, "four five six"), author=week_old)]
    first, second = run(moderator(detector), detector, posts)
    assert isinstance(first, Decided)
    assert isinstance(second, Failed)
    assert second.stage == "signal"


def test_only_what_acts_is_published_unless_all_is() -> None:
    detector = WordDetector()
    posts = [post(n, f"text number {n}") for n in range(40)] + [post(40, "short")]
    every = run(moderator(detector, emit="all"), detector, posts)
    acting = run(moderator(detector, emit="flagged"), detector, posts)
    actions = [outcome.action for outcome in every if isinstance(outcome, Decided)]
    assert {"pass", "label", "abstain"} <= set(actions)
    for all_of_them, flagged in zip(every, acting, strict=True):
        assert isinstance(flagged, Decided)
        flag = flag_of(all_of_them)
        assert flagged.flag == (flag if flag.action in {"label", "review", "limit"} else None)
        assert flagged.action == flag.action


def test_signals_alone_can_carry_a_post_that_the_detector_does_not_cover() -> None:
    detector = WordDetector(Calibration())
    strong = SignalRules(account_age=SignalRule(weight=-1, transform="log1p", neutral=1000, most=5))
    policy = msgspec.structs.replace(load_policy(), signals=strong)
    flag = only(detector, post(1, "one two three"), emit="flagged", policy=policy)
    assert flag.action == "label"
    assert not flag.detector.calibrated
    assert flag.reasons[0] == "No judgement by the detector: it was never calibrated."
    assert only(detector, post(1, "one two three")).action == "abstain"


def test_event_time_is_the_posts_own_else_the_records() -> None:
    detector = WordDetector()
    own = only(detector, post(1, "one two three", seconds=86_400))
    records = only(detector, msgspec.structs.replace(post(1, "one two three"), created_at=None))
    assert own.signals[0].value == 101.0
    assert records.signals[0].value == 100.0


def test_an_id_stands_for_post_place_detector_and_policy() -> None:
    def id_of(one: Post, offset: int = 0, digest: str = "d", policy: Policy | None = None) -> str:
        detector = WordDetector(digest=digest)
        parts = moderator(detector, policy=policy)
        candidates = parts.prepare([received(one, offset)])
        parts.score(candidates, Scorer(detector, 10_000))
        return flag_of(parts.decide(candidates)[0]).id

    one = post(1, "one two three")
    renamed = msgspec.structs.replace(load_policy(), name="other")
    ids = [
        id_of(one),
        id_of(post(2, "one two three")),
        id_of(one, 1),
        id_of(one, 0, "e"),
        id_of(one, policy=renamed),
    ]
    assert len(set(ids)) == len(ids)
    assert id_of(one) == ids[0]
    assert id_of(post(1, "other words than those")) == ids[0]


def test_look_ups_and_missing_signals_are_counted() -> None:
    detector = WordDetector()
    before = CACHE.labels("unavailable")._value.get(), SIGNALS_MISSING.labels("posting_rate")._value.get()
    run(moderator(detector), detector, [post(n, "one two three") for n in range(5)])
    after = CACHE.labels("unavailable")._value.get(), SIGNALS_MISSING.labels("posting_rate")._value.get()
    assert [now - then for now, then in zip(after, before, strict=True)] == [5, 5]


def test_no_posts_are_no_trouble() -> None:
    detector = WordDetector()
    assert run(moderator(detector), detector, []) == []


@given(texts=st.lists(TEXTS, max_size=12), data=st.data())
@settings(deadline=None)
def test_a_flag_depends_on_its_own_post_alone(texts: list[str], data: st.DataObject) -> None:
    posts = [post(n, text) for n, text in enumerate(texts)]

    def shown(order: Sequence[int]) -> dict[int, bytes | str]:
        detector = WordDetector()
        parts = moderator(detector)
        candidates = parts.prepare([received(posts[n], n) for n in order])
        parts.score(candidates, Scorer(detector, 10_000))
        outcomes = parts.decide(candidates)
        return {
            n: encode_flag(flag_of(outcome)) if isinstance(outcome, Decided) else outcome.stage
            for n, outcome in zip(order, outcomes, strict=True)
        }

    together = shown(range(len(posts)))
    assert shown(data.draw(st.permutations(range(len(posts))))) == together
    for number in range(len(posts)):
        assert shown([number]) == {number: together[number]}


@pytest.mark.parametrize("names", [("link_share", "nonsense"), ("link_share", "link_share")])
def test_an_unknown_signal_is_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError, match="FLAGSTAFF_SIGNALS__ENABLED"):
        Moderator(
            WordDetector(),
            load_policy(),
            emit="all",
            link=None,
            signal_settings=SignalSettings(enabled=names),
            redis_settings=RedisSettings(),
        )


def test_no_signals_at_all() -> None:
    detector = WordDetector()
    parts = Moderator(
        detector,
        load_policy(),
        emit="all",
        link=None,
        signal_settings=SignalSettings(enabled=()),
        redis_settings=RedisSettings(),
    )
    (outcome,) = run(parts, detector, [post(1, "one two three")])
    assert flag_of(outcome).signals == ()
