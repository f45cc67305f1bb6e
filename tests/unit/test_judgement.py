from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.judgement import ACTING, Judge
from worker.policy import DetectorRule, Policy, SignalRule, SignalRules, Thresholds, load_policy
from worker.signals.catalogue import SIGNAL_NAMES

VALUES = st.lists(st.none() | st.floats(-10, 1e6), min_size=len(SIGNAL_NAMES), max_size=len(SIGNAL_NAMES))
LOG_ODDS = st.none() | st.floats(-1e3, 1e3)
NOTHING = [None] * len(SIGNAL_NAMES)
STRENGTH = {"pass": 0, "abstain": 0, "label": 1, "review": 2, "limit": 3}


def judge(*, alone: str = "label", corroboration: float = 0.4, **rules: SignalRule) -> Judge:
    policy = Policy(
        name="test",
        thresholds=Thresholds(label=0.7, review=0.9, limit=0.99),
        detector=DetectorRule(alone=alone, most=20, corroboration=corroboration),  # type: ignore[arg-type]  # names
        signals=SignalRules(**rules),
    )
    return Judge(policy, tuple(rules))


def test_the_score_is_the_sigmoid_of_the_sum() -> None:
    decided = judge(link_share=SignalRule(weight=2.0, neutral=0.1, most=5)).decide(0.5, [0.6])
    assert decided.contributions == [1.0]
    assert decided.score == pytest.approx(1 / (1 + math.exp(-1.5)), abs=1e-6)


@pytest.mark.parametrize(
    ("rule", "value", "added"),
    [
        (SignalRule(weight=0.5, transform="log1p", neutral=10, most=2), 10, 0.0),
        (SignalRule(weight=0.5, transform="log1p", neutral=10, most=2), 2, 0.0),
        (SignalRule(weight=0.5, transform="log1p", neutral=10, most=2, least=-1), 2, -0.649641),
        (SignalRule(weight=0.5, transform="log1p", neutral=10, most=2), 30, 0.518046),
        (SignalRule(weight=0.5, transform="log1p", neutral=10, most=2), 1e9, 2.0),
        (SignalRule(weight=-0.35, transform="log1p", neutral=30, most=5), 2, 0.817381),
        (SignalRule(weight=1, transform="log1p"), -5, 0.0),
        (SignalRule(weight=2, least=-2, most=3), 0.5, 1.0),
        (SignalRule(weight=2, least=-2, most=3), -7, -2.0),
        (SignalRule(weight=2, least=-2, most=3), None, 0.0),
    ],
)
def test_a_contribution_is_weighed_from_neutral_and_cut_off(
    rule: SignalRule, value: float | None, added: float
) -> None:
    assert judge(link_share=rule).decide(0.0, [value]).contributions == [added]


def test_a_signal_without_a_rule_adds_nothing() -> None:
    policy = Policy(
        name="test",
        thresholds=Thresholds(label=0.7, review=0.9, limit=0.99),
        detector=DetectorRule(),
        signals=SignalRules(),
    )
    assert Judge(policy, ["link_share"]).decide(0.0, [0.9]).contributions == [0.0]


def test_a_detector_alone_brings_about_no_more_than_it_may() -> None:
    silent = SignalRule(weight=1)
    assert judge(link_share=silent).decide(10.0, [0.0])[::3] == ("label", "limit")
    assert judge(link_share=silent, alone="pass").decide(10.0, [0.0])[::3] == ("pass", "limit")
    assert judge(link_share=silent, alone="limit").decide(10.0, [0.0])[::3] == ("limit", None)


def test_below_its_own_threshold_a_detector_alone_brings_about_nothing() -> None:
    decided = judge(link_share=SignalRule(weight=1)).decide(3.0, [0.0], confident=False)
    assert decided[::3] == ("pass", "review")


def test_a_second_witness_lifts_the_action_as_far_as_it_supports() -> None:
    for supports in ACTING:
        rule = SignalRule(weight=1, supports=supports)
        assert judge(link_share=rule).decide(10.0, [0.5]).action == supports
        assert judge(link_share=rule).decide(10.0, [0.3]).action == "label"


def test_outside_its_range_the_detector_is_not_used() -> None:
    witness = SignalRule(weight=1, most=10)
    score = round(1 / (1 + math.exp(-0.5)), 6)
    assert judge(link_share=witness).decide(None, [0.5])[:2] == ("abstain", score)
    assert judge(link_share=witness).decide(None, [1.5]).action == "label"
    assert judge(link_share=witness).decide(None, [None]).action == "abstain"
    many_hints = judge(link_share=witness, corroboration=5).decide(None, [3.0])
    assert many_hints[::3] == ("abstain", "review")


@given(log_odds=LOG_ODDS, values=VALUES, confident=st.booleans())
def test_the_default_never_trusts_the_detector_alone(
    log_odds: float | None,
    values: list[float | None],
    confident: bool,  # noqa: FBT001 - hypothesis names it
) -> None:
    judge = Judge(load_policy(), SIGNAL_NAMES)
    decided = judge.decide(log_odds, values, confident=confident)
    assert 0 <= decided.score <= 1
    assert (decided.action == "abstain") <= (log_odds is None)
    assert (decided.action == "pass") <= (log_odds is not None)
    own_record = SIGNAL_NAMES.index("author_record")
    others = [added for place, added in enumerate(decided.contributions) if place != own_record]
    if max(others) < 0.4:
        assert STRENGTH[decided.action] <= STRENGTH["review"]
        if decided.contributions[own_record] < 0.4:
            assert STRENGTH[decided.action] <= STRENGTH["label"]
    for value, added in zip(values, decided.contributions, strict=True):
        assert value is not None or added == 0
        assert math.copysign(1, added) == 1 or added < 0


@given(values=VALUES, low=st.floats(-50, 50), more=st.floats(0, 50))
def test_more_evidence_never_does_less(values: list[float | None], low: float, more: float) -> None:
    judge = Judge(load_policy(), SIGNAL_NAMES)
    weaker, stronger = judge.decide(low, values), judge.decide(low + more, values)
    assert weaker.score <= stronger.score
    assert STRENGTH[weaker.action] <= STRENGTH[stronger.action]
