from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from worker.release import gates, reviewer_gates
from worker.release.gates import holding_back
from worker.release.seen import BiasOutcome, Pair, ReviewedFlag
from worker.settings import GateSettings

if TYPE_CHECKING:
    from worker.records import Action, GateReading

SETTINGS = GateSettings(min_posts=1_000, min_verdicts=50)


def pairs(count: int, challenger: Action, live: Action, *, machine: bool | None = None) -> list[Pair]:
    """Each of an author of its own."""
    return [Pair(f"{challenger} {live} {n}", challenger, live, 0.9, machine) for n in range(count)]


def reviewed(count: int, *, machine: bool, probability: float | None = 0.9) -> list[ReviewedFlag]:
    return [ReviewedFlag(f"{machine} {probability} {n}", probability, machine) for n in range(count)]


@pytest.mark.parametrize(
    ("differing", "of", "status"),
    [
        (0, 0, "not-measured"),
        (0, 100, "too-little"),  # within the limit, but of too few
        (20, 2_000, "pass"),
        (95, 2_000, "too-little"),  # the interval holds the limit
        (200, 2_000, "fail"),
        (40, 60, "fail"),  # what is far beyond is seen at once
    ],
)
def test_disagreement(differing: int, of: int, status: str) -> None:
    found = gates.disagreement(
        pairs(differing, "label", "pass") + pairs(of - differing, "pass", "pass"), SETTINGS
    )
    assert found.status == status
    assert found.count == of
    if of:
        assert found.value == pytest.approx(differing / of, abs=1e-6)


def test_pass_and_abstain_are_no_disagreement_but_two_actions_are() -> None:
    nothing = pairs(2_000, "abstain", "pass")
    assert gates.disagreement(nothing, SETTINGS).value == 0
    assert gates.disagreement(nothing + pairs(2_000, "review", "label"), SETTINGS).value == 0.5


def test_the_posts_of_one_author_count_little() -> None:
    one = [Pair("a", "label", "pass", None, None)] * 40
    others = pairs(1_960, "pass", "pass")
    assert gates.disagreement(pairs(40, "label", "pass") + others, SETTINGS).status == "pass"
    assert gates.disagreement(one + others, SETTINGS).status == "too-little"


@pytest.mark.parametrize(
    ("gained", "lost", "status"),
    [
        (0, 0, "pass"),
        (300, 300, "pass"),  # others, but as many
        (100, 0, "too-little"),
        (200, 0, "fail"),
        (0, 200, "fail"),  # far fewer flags are a change too
    ],
)
def test_flag_rate(gained: int, lost: int, status: str) -> None:
    found = gates.flag_rate(
        pairs(gained, "label", "pass")
        + pairs(lost, "pass", "label")
        + pairs(5_000 - gained - lost, "pass", "pass"),
        SETTINGS,
    )
    assert found.status == status
    assert found.value == pytest.approx((gained - lost) / 5_000)


@pytest.mark.parametrize(
    ("kept", "dropped", "status"),
    [
        (500, 0, "pass"),  # the same posts flagged
        (480, 200, "fail"),  # machine posts missed
        (10, 0, "too-little"),
    ],
)
def test_verdicts_beside(kept: int, dropped: int, status: str) -> None:
    seen = pairs(kept, "label", "label", machine=True) + pairs(dropped, "pass", "label", machine=True)
    found = reviewer_gates.verdicts_beside(seen + pairs(500, "pass", "pass"), SETTINGS)
    assert found.status == status
    assert found.count == kept + dropped


def test_a_challenger_that_is_right_more_often_passes_however_much_it_changes() -> None:
    seen = pairs(100, "label", "label", machine=True) + pairs(100, "pass", "label", machine=False)
    found = reviewer_gates.verdicts_beside(seen, SETTINGS)
    assert found.status == "pass"
    assert found.value == pytest.approx(-0.5)


def test_no_verdict_is_not_measured() -> None:
    assert reviewer_gates.verdicts_beside(pairs(10, "label", "label"), SETTINGS).status == "not-measured"
    assert reviewer_gates.verdicts_apart(reviewed(10, machine=True), [], SETTINGS).status == "not-measured"


@pytest.mark.parametrize(("confirmed", "status"), [(200, "pass"), (170, "too-little"), (100, "fail")])
def test_verdicts_apart(confirmed: int, status: str) -> None:
    own = reviewed(confirmed, machine=True) + reviewed(200 - confirmed, machine=False)
    live = reviewed(900, machine=True) + reviewed(100, machine=False)
    found = reviewer_gates.verdicts_apart(own, live, SETTINGS)
    assert found.status == status
    assert found.value == pytest.approx(0.9 - confirmed / 200)


@pytest.mark.parametrize(("machines", "status"), [(180, "pass"), (60, "fail")])
def test_calibration(machines: int, status: str) -> None:
    seen = reviewed(machines, machine=True) + reviewed(200 - machines, machine=False)
    found = reviewer_gates.calibration(seen, SETTINGS)
    assert found.status == status
    assert found.value == pytest.approx(0.9 - machines / 200)


def test_calibration_of_posts_outside_the_calibrated_range_is_not_measured() -> None:
    assert (
        reviewer_gates.calibration(reviewed(99, machine=True, probability=None), SETTINGS).status
        == "not-measured"
    )


@pytest.mark.parametrize(
    ("outcome", "status", "said"),
    [
        (None, "not-measured", "STAGE__GATES__EVALUATION"),
        (BiasOutcome("another", 12, ()), "not-measured", "another"),
        (BiasOutcome("d", None, ()), "not-measured", "no bias table"),
        (BiasOutcome("d", 12, ()), "pass", "12"),
        (BiasOutcome("d", 12, ("dialect, x: too many",)), "fail", "too many"),
    ],
)
def test_bias(outcome: BiasOutcome | None, status: str, said: str) -> None:
    found = gates.bias(outcome, "d")
    assert found.status == status
    assert said in found.detail


def test_what_fails_or_is_required_and_not_passed_holds_back() -> None:
    found: list[GateReading] = [
        gates.disagreement(pairs(2_000, "pass", "pass"), SETTINGS),
        gates.flag_rate([], SETTINGS),
        reviewer_gates.verdicts_beside([], SETTINGS),
        gates.bias(BiasOutcome("d", 1, ("x",)), "d"),
    ]
    assert [one.gate for one in holding_back(found, ["disagreement", "flag_rate"])] == ["flag_rate", "bias"]
