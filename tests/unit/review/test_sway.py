from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from worker.lab.intervals import difference
from worker.review.sway import Judgement, measure_sway

if TYPE_CHECKING:
    from worker.records import Verdict

LEAST = 50


def test_the_interval_of_a_difference_is_that_of_newcombes_example() -> None:
    # Newcombe (1998), Interval estimation for the difference between independent proportions, table II, (a).
    found = difference((56, 70), (48, 80))
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    # (h): one of the shares is 1, the other 0.
    apart = difference((10, 10), (0, 10))
    assert (apart.value, apart.low, apart.high) == pytest.approx((1.0, 0.6075, 1.0), abs=5e-5)


def test_who_judged_blind_and_then_said_something_else_is_counted() -> None:
    given = [Judgement("human", "human", "hidden", None)] * 70
    given += [Judgement("human", "machine", "drawn-hidden", None)] * 20
    given += [Judgement("unsure", "human", "hidden", None)] * 10
    # These tell nothing of it: the verdict was taken back, or the score was there from the beginning.
    given += [Judgement("human", None, "hidden", None)] * 30
    given += [Judgement("human", "machine", "shown", None)] * 30
    given += [Judgement("human", "machine", None, None)] * 30
    sway = measure_sway(given, least=LEAST)
    assert (sway.hidden, sway.to_machine) == (100, 20)
    assert sway.changed is not None
    assert (sway.changed.count, sway.changed.value) == (30, 0.3)
    assert sway.changed.low == pytest.approx(0.2124, abs=5e-5)
    assert sway.changed.high == pytest.approx(0.3998, abs=5e-5)


def test_the_draw_finds_how_far_the_score_sways() -> None:
    # People who say machine of half the texts, and of four in five where they see a score that says so.
    draw = random.Random(3)  # noqa: S311 - no secret
    covered = 0
    for _ in range(300):
        # Not drawn, so not compared: the flags may have been others.
        given: list[Judgement] = [Judgement("human", "human", "shown", None)] * 500
        for _ in range(400):
            shown = draw.random() < 0.5
            first: Verdict = "machine" if draw.random() < (0.8 if shown else 0.5) else "human"
            given.append(Judgement(first, first, "drawn-shown" if shown else "drawn-hidden", None))
        apart = measure_sway(given, least=LEAST).apart
        assert apart is not None
        assert apart.high - apart.low < 0.2
        covered += apart.low < 0.3 < apart.high
    assert 0.9 < covered / 300 < 0.99


def test_known_texts_are_told_apart_by_who_wrote_them_and_by_what_was_seen() -> None:
    given = [Judgement("human", "machine", "hidden", "human")] * 40
    given += [Judgement("machine", "machine", "drawn-hidden", "human")] * 10
    given += [Judgement("machine", "machine", "drawn-shown", "machine")] * 60
    given += [Judgement("unsure", "unsure", "shown", "machine")] * 60
    hidden, shown = measure_sway(given, least=LEAST).accuracy
    assert (hidden.seen, shown.seen) == ("hidden", "shown")
    assert hidden.human is not None
    assert (hidden.human.value, hidden.human.of) == (0.8, 50)
    assert hidden.machine is None
    assert shown.machine is not None
    assert (shown.machine.value, shown.machine.of) == (1.0, 60)
    assert shown.human is None


@pytest.mark.parametrize(("hidden", "shown"), [(49, 500), (500, 49), (0, 0)])
def test_below_the_sample_nothing_is_said(hidden: int, shown: int) -> None:
    given = [Judgement("human", "human", "drawn-hidden", "human")] * hidden
    given += [Judgement("human", "human", "drawn-shown", "human")] * shown
    sway = measure_sway(given, least=LEAST)
    assert sway.apart is None
    assert (sway.changed is None) == (hidden < LEAST)
    assert [one.human is None for one in sway.accuracy] == [hidden < LEAST, shown < LEAST]
    assert measure_sway([], least=0).apart is None
