from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from worker.lab.intervals import aurocs, design_effect, estimate, mean, numbered, rate


def test_a_rates_interval_is_clopper_and_pearsons() -> None:
    # As R's binom.test(1, 10) has it.
    one = rate(1, 10)
    assert (one.count, one.of, one.value) == (1, 10, 0.1)
    assert (one.low, one.high) == pytest.approx((0.00253, 0.44502), abs=1e-5)
    # The rule of three, exactly: 1 - (tail) ** (1 / n).
    assert (rate(0, 100).low, rate(0, 100).high) == pytest.approx((0.0, 1 - 0.025 ** (1 / 100)))
    assert (rate(7, 7).low, rate(7, 7).high) == pytest.approx((0.025 ** (1 / 7), 1.0))


def test_a_design_effect_widens_the_interval_as_fewer_texts_would() -> None:
    assert rate(20, 200, design_effect=4.0).high == pytest.approx(rate(5, 50).high)
    assert rate(20, 200, design_effect=4.0).value == 0.1


def test_the_design_effect_is_how_often_each_answer_is_repeated() -> None:
    random = np.random.default_rng(1)
    answers = random.random(2_000) < 0.1
    assert design_effect(answers, np.arange(2_000)) == pytest.approx(1.0, abs=0.01)
    repeated = np.repeat(answers, 5)
    assert design_effect(repeated, np.repeat(np.arange(2_000), 5)) == pytest.approx(5.0, rel=0.01)
    # Numbers that nothing has are no clusters.
    assert design_effect(repeated, np.repeat(np.arange(2_000) * 3, 5)) == pytest.approx(5.0, rel=0.01)


def test_one_authors_texts_count_as_one() -> None:
    assert design_effect(np.array([True, False, False]), np.zeros(3, np.int64)) == 3.0
    assert design_effect(np.array([True, True]), np.zeros(2, np.int64)) is None
    assert design_effect(np.zeros(0, bool), np.zeros(0, np.int64)) is None


def test_intervals_hold_what_they_promise_for_texts_in_clusters() -> None:
    random = np.random.default_rng(3)
    truth, clusters = 0.1, np.repeat(np.arange(60), 10)
    held = held_plain = 0
    for _ in range(300):
        hits = random.random(600) < random.beta(0.5, 4.5, 60)[clusters]
        effect = design_effect(hits, clusters) or 1.0
        count = int(hits.sum())
        one, plain = rate(count, 600, design_effect=effect), rate(count, 600)
        held += one.low <= truth <= one.high
        held_plain += plain.low <= truth <= plain.high
    assert held / 300 > 0.92
    assert held_plain / 300 < 0.9


def test_a_weighted_auroc_is_that_of_repeated_texts() -> None:
    random = np.random.default_rng(2)
    human, machine = random.integers(0, 6, 40).astype(float), random.integers(2, 9, 30).astype(float)
    human_drawn = random.integers(0, 3, (70, 40)).astype(float)
    machine_drawn = random.integers(0, 3, (70, 30)).astype(float)
    found = aurocs(human, machine, human_drawn, machine_drawn)
    for at in (0, 33, 69):
        labels = np.repeat([0, 1], [40, 30])
        weights = np.concatenate([human_drawn[at], machine_drawn[at]])
        expected = roc_auc_score(labels, np.concatenate([human, machine]), sample_weight=weights)
        assert found[at] == pytest.approx(expected)


def test_draws_without_a_label_do_not_count() -> None:
    drawn = np.array([[1.0, 1.0], [0.0, 0.0], [2.0, 0.0]])
    found = aurocs(np.array([0.0]), np.array([1.0, -1.0]), np.ones((3, 1)), drawn)
    assert np.array_equal(found, [0.5, np.nan, 1.0], equal_nan=True)
    whole = estimate(0.5, found)
    assert (whole.value, whole.low, whole.high) == pytest.approx((0.5, 0.5125, 0.9875))
    assert mean(np.array([1.0, 3.0]), drawn).value == 2.0


def test_equal_things_have_equal_numbers() -> None:
    assert numbered(["b", "a", "b", ""]).tolist() == [0, 1, 0, 2]
