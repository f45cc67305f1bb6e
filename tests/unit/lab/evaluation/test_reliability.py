from __future__ import annotations

import numpy as np
import pytest

from worker.lab.evaluation.figures import Estimate
from worker.lab.evaluation.reliability import BINS, Reliability

RANDOM = np.random.default_rng(1)
PROBABILITIES = RANDOM.random(20_000)
RIGHT = RANDOM.random(20_000) < PROBABILITIES
ONES = np.ones(20_000)


def error(probabilities: np.ndarray, machine: np.ndarray, weights: np.ndarray) -> float:
    return float(Reliability(probabilities, machine, weights).error(np.ones((1, len(weights))))[0])


def test_right_probabilities_have_hardly_an_error_and_others_have_theirs() -> None:
    assert error(PROBABILITIES, RIGHT, ONES) < 0.01
    assert error(PROBABILITIES / 2, RIGHT, ONES) == pytest.approx(0.25, abs=0.01)


def test_chance_is_what_right_probabilities_stay_under() -> None:
    reliability = Reliability(PROBABILITIES, RIGHT, ONES)
    found = reliability.summary(Estimate(value=0.2, low=0.1, high=0.3), 0)
    assert error(PROBABILITIES, RIGHT, ONES) < found.by_chance < 0.02
    few = Reliability(PROBABILITIES[:100], RIGHT[:100], ONES[:100])
    assert few.summary(Estimate(value=0.2, low=0.1, high=0.3), 0).by_chance > 0.05


def test_bins_hold_as_much_weight_each() -> None:
    weights = np.where(PROBABILITIES < 0.5, 3.0, 1.0)
    points = Reliability(PROBABILITIES, RIGHT, weights).curve(np.zeros((1, BINS)))
    assert len(points) == BINS
    assert [point.probability for point in points] == sorted(point.probability for point in points)
    # Three quarters of the weight are in the lower half, so three quarters of the bins.
    assert sum(point.probability < 0.5 for point in points) in {7, 8}


def test_equal_probabilities_are_in_one_bin_and_few_texts_in_few() -> None:
    same = Reliability(np.full(500, 0.3), np.arange(500) < 100, np.ones(500))
    [point] = same.curve(np.zeros((1, 1)))
    assert point.texts == 500
    assert point.probability == pytest.approx(0.3)
    assert point.machine.value == pytest.approx(0.2)
    few = Reliability(PROBABILITIES[:25], RIGHT[:25], ONES[:25])
    assert few.machine_shares(np.ones((1, 25))).shape == (1, 2)


def test_weights_make_up_for_a_label_that_has_more_texts() -> None:
    # As many machines as humans were supposed; here every other human is missing.
    kept = RIGHT | (np.arange(20_000) % 2 == 0)
    weights = np.where(RIGHT, 1.0, 2.0)[kept]
    assert error(PROBABILITIES[kept], RIGHT[kept], weights) < 0.015
    assert error(PROBABILITIES[kept], RIGHT[kept], ONES[kept]) > 0.05
