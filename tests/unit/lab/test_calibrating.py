from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from worker.detector.calibration import sigmoid
from worker.lab.calibrating import (
    Unseen,
    auroc,
    false_positive_bound,
    longest_known,
    lower_bound,
    platt,
    shortest_useful,
    threshold_logit,
    upper_bound,
)


def unseen(
    logits: np.ndarray[tuple[int], np.dtype[np.float64]],
    machine: np.ndarray[tuple[int], np.dtype[np.bool_]],
    *,
    family: str = "one",
    tokens: int = 50,
) -> Unseen:
    count = len(logits)
    return Unseen(logits, machine, np.full(count, family), np.full(count, tokens), np.full(count, 1 / count))


def humans(count: int, *, spread: float = 1.0, family: str = "one") -> Unseen:
    logits = np.random.default_rng(5).normal(-1.0, spread, count)
    return unseen(logits, np.zeros(count, bool), family=family)


def joined(*parts: Unseen) -> Unseen:
    return Unseen(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def test_platt_finds_the_curve_that_the_labels_were_drawn_from() -> None:
    random = np.random.default_rng(1)
    logits = random.normal(0, 2, 20_000)
    machine = random.random(20_000) < [sigmoid(0.7 * logit - 0.4) for logit in logits]
    slope, intercept = platt(unseen(logits, machine))
    assert slope == pytest.approx(0.7, abs=0.05)
    assert intercept == pytest.approx(-0.4, abs=0.05)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=400), st.sampled_from([0.01, 0.05, 0.2]))
def test_no_lower_logit_keeps_the_target(logits: list[float], target: float) -> None:
    values = np.array(logits)
    cut = threshold_logit(unseen(values, np.zeros(len(values), bool)), target)
    assert (values > cut).mean() <= target
    assert (values > np.nextafter(cut, -9)).mean() > target


def test_the_worst_family_sets_the_threshold() -> None:
    narrow, wide = humans(500, spread=0.1), humans(500, spread=3.0, family="two")
    few = humans(50, spread=30.0, family="three")
    both = threshold_logit(joined(narrow, wide, few), 0.01)
    assert both == threshold_logit(wide, 0.01) > threshold_logit(narrow, 0.01)
    assert false_positive_bound(joined(narrow, wide, few), both) == false_positive_bound(wide, both)


@given(st.integers(1, 500), st.data())
def test_the_bounds_are_those_of_clopper_and_pearson(count: int, data: st.DataObject) -> None:
    above = data.draw(st.integers(0, count))
    upper, lower = upper_bound(above, count), lower_bound(above, count)
    assert lower <= above / count <= upper
    if above < count:
        assert binom.cdf(above, count, upper) == pytest.approx(0.05, abs=1e-6)
    if above:
        assert binom.sf(above - 1, count, lower) == pytest.approx(0.05, abs=1e-6)


def test_no_false_positive_among_three_hundred_is_no_proof_of_none() -> None:
    assert upper_bound(0, 300) == pytest.approx(0.00994, abs=1e-5)


def test_lengths_at_which_it_only_guesses_are_left_out() -> None:
    random = np.random.default_rng(2)
    machine = np.repeat([False, True], 1_000)
    guesses = unseen(random.normal(0, 1, 2_000), machine, tokens=12)
    knows = [unseen(random.normal(2.0 * machine, 1), machine, tokens=tokens) for tokens in (16, 25, 70)]
    assert shortest_useful(joined(guesses, *knows), 2.5, 0.01) == 15


def test_lengths_with_too_many_false_positives_are_left_out() -> None:
    machine = np.repeat([False, True], 1_000)
    spread = np.random.default_rng(2).normal(0, 1, 2_000)
    short = unseen(spread * 3 + 9 * machine, machine, tokens=25)
    longer = unseen(spread + 9 * machine, machine, tokens=70)
    assert shortest_useful(joined(short, longer), 2.5, 0.01) == 60


def test_the_longest_known_leaves_out_a_rare_giant() -> None:
    giant = unseen(np.zeros(1), np.zeros(1, bool), tokens=90_000)
    machine = unseen(np.zeros(500), np.ones(500, bool), tokens=500)
    assert longest_known(joined(humans(5_000), giant, machine)) == 50


def test_auroc_is_the_chance_of_the_higher_logit() -> None:
    assert auroc(np.array([0.0, 1.0]), np.array([0.5, 2.0])) == 0.75
