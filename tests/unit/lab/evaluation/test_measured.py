from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace
from sklearn.metrics import roc_auc_score

from tests.support.ruled_detector import CALIBRATION, RuledDetector
from tests.unit.lab.evaluation.made_up import first_number, made_up, scored
from worker.detector.calibration import Calibration
from worker.lab.evaluation.measured import measure, reliability_curve
from worker.lab.evaluation.selection import Selection, selections

SAMPLES = [*made_up("human", 300), *made_up("machine", 100)]
SCORED = scored(RuledDetector(first_number), SAMPLES)
WHOLE = Selection("all", "all texts", np.ones(400, bool))


def test_figures_are_those_of_the_texts() -> None:
    figures = measure(SCORED, WHOLE, draws=200, seed=0).everywhere
    logits, machine = SCORED.logits, SCORED.machine
    assert (figures.human, figures.machine) == (300, 100)
    assert figures.auroc is not None
    assert figures.auroc.value == pytest.approx(roc_auc_score(machine, logits))
    assert figures.auroc.low < figures.auroc.value < figures.auroc.high
    assert figures.accuracy is not None
    assert figures.accuracy.value == ((logits > 0) == machine).mean()
    assert figures.found is not None
    assert figures.found.count == (logits[machine] > 0).sum()
    assert figures.wrongly is not None
    assert (figures.wrongly.count, figures.wrongly.of) == ((logits[~machine] > 0).sum(), 300)
    assert figures.balanced_accuracy is not None
    assert figures.balanced_accuracy.value == pytest.approx(
        (figures.found.value + 1 - figures.wrongly.value) / 2
    )


def test_a_rate_that_too_few_humans_carry_is_not_given() -> None:
    figures = measure(SCORED, WHOLE, draws=100, seed=0).everywhere
    assert [(one.false_positives, one.humans_needed) for one in figures.found_at] == [
        (0.05, 100),
        (0.01, 500),
        (0.001, 5_000),
    ]
    assert [one.rate is None for one in figures.found_at] == [False, True, True]


def test_texts_outside_the_range_are_counted_and_measured_apart() -> None:
    narrow = replace(CALIBRATION, min_tokens=30)
    part = measure(scored(RuledDetector(first_number, narrow), SAMPLES), WHOLE, draws=100, seed=0)
    long = sum(len(sample.text.split()) >= 30 for sample in SAMPLES)
    assert part.in_range == long < 400
    assert part.inside is not None
    assert part.inside.human + part.inside.machine == long
    everything = measure(SCORED, WHOLE, draws=100, seed=0)
    assert (everything.in_range, everything.inside) == (400, None)


def test_texts_of_one_label_have_no_auroc_and_a_detector_without_threshold_no_shares() -> None:
    humans = measure(SCORED, Selection("source", "humans", ~SCORED.machine), draws=100, seed=0).everywhere
    assert (humans.auroc, humans.found, humans.calibration_error, humans.brier) == (None, None, None, None)
    assert humans.wrongly is not None
    plain = scored(RuledDetector(first_number, Calibration()), SAMPLES)
    figures = measure(plain, WHOLE, draws=100, seed=0)
    assert (figures.everywhere.accuracy, figures.everywhere.found, figures.in_range) == (None, None, 0)
    assert figures.everywhere.auroc is not None


def test_how_many_machine_texts_there_are_does_not_make_probabilities_wrong() -> None:
    """These are right where half the texts are a machine's, and there are three times more humans."""
    right = RuledDetector(lambda text: 1.6 * first_number(text))
    figures = measure(scored(right, SAMPLES), WHOLE, draws=100, seed=0).everywhere
    assert figures.calibration_error is not None
    assert figures.calibration_error.value < figures.calibration_error.by_chance < 0.15


def test_a_part_of_a_family_counts_as_much_as_its_humans() -> None:
    samples = [
        *made_up("human", 300),
        *made_up("machine", 40, generator="a"),
        *made_up("machine", 600, generator="b"),
    ]
    right = scored(RuledDetector(lambda text: 1.6 * first_number(text)), samples)
    for one in selections(right, None):
        if one.dimension == "generator":
            error = measure(right, one, draws=100, seed=0).everywhere.calibration_error
            assert error is not None
            assert error.value < error.by_chance


def test_the_baseline_is_measured_on_the_same_draws() -> None:
    same = SCORED.beside(SCORED)
    compared = measure(same, WHOLE, draws=100, seed=0)
    assert compared.baseline is not None
    assert (compared.baseline.gain.low, compared.baseline.gain.high) == (0.0, 0.0)
    assert compared.baseline.auroc == compared.everywhere.auroc
    worse = RuledDetector(lambda text: first_number(text) * (len(text) % 2))
    beside = measure(SCORED.beside(scored(worse, SAMPLES)), WHOLE, draws=100, seed=0).baseline
    assert beside is not None
    assert beside.gain.low > 0


def test_a_text_that_fails_costs_one_text() -> None:
    def rule(text: str) -> float:
        if text == SAMPLES[7].text:
            raise ValueError("no")
        return first_number(text)

    left = scored(RuledDetector(rule), SAMPLES)
    assert len(left.samples) == 399
    assert SAMPLES[7] not in left.samples


def test_the_reliability_curve_rises() -> None:
    curve = reliability_curve(SCORED, draws=100, seed=0)
    assert len(curve) == 10
    assert sum(one.texts for one in curve) == 400
    assert curve[0].machine.value < 0.2
    assert curve[-1].machine.value > 0.8
    assert reliability_curve(SCORED.where(SCORED.machine), draws=100, seed=0) == ()
