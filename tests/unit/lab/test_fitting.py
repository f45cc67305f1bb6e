from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.detector.calibration import Calibration
from worker.detector.linear import LinearDetector, LinearModel
from worker.detector.ngrams import NgramSpec
from worker.lab.corpus import Sample
from worker.lab.fitting import balanced_weights, feature_matrix, fit_logistic, quantised

SPEC = NgramSpec(bits=10, max_chars=50)


@given(st.lists(st.text(max_size=60), min_size=1, max_size=5), st.integers(0, 9))
def test_training_and_the_running_detector_see_the_same(texts: list[str], seed: int) -> None:
    coefficients = np.random.default_rng(seed).normal(size=SPEC.buckets)
    integers, scale = quantised(coefficients)
    detector = LinearDetector("a", LinearModel(ngrams=SPEC, scale=scale, bias=0.5), integers, Calibration())
    expected = feature_matrix(texts, SPEC) @ coefficients + 0.5
    assert detector.logits(detector.encode(texts)) == pytest.approx(expected.tolist(), abs=0.005)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_quantised_weights_are_within_half_a_step(values: list[float]) -> None:
    coefficients = np.array(values)
    integers, scale = quantised(coefficients)
    assert integers.dtype == np.int16
    assert np.abs(integers * scale - coefficients).max() <= scale * 0.500001


def test_every_familys_humans_and_machines_count_alike() -> None:
    sizes = {("news", "human"): 3, ("news", "machine"): 30, ("posts", "human"): 7, ("posts", "machine"): 7}
    samples = [
        Sample(text="…", label=label, source=source)  # type: ignore[arg-type]  # a test's own two words
        for (source, label), size in sizes.items()
        for _ in range(size)
    ]
    weights = balanced_weights(samples)
    assert weights.sum() == pytest.approx(1.0)
    for source, label in sizes:
        mine = [one.source == source and one.label == label for one in samples]
        assert weights[mine].sum() == pytest.approx(0.25)


def test_a_family_of_one_label_does_not_outweigh_the_others() -> None:
    samples = [Sample(text="…", label="human", source="news")] * 10
    samples += [Sample(text="…", label="machine", source="news")] * 10
    samples += [Sample(text="…", label="machine", source="lone:x")] * 5
    weights = balanced_weights(samples)
    assert weights == pytest.approx(np.full(25, 0.04))


def test_it_learns_what_tells_them_apart() -> None:
    texts = ["the cat sat"] * 20 + ["zzz qqq zzz"] * 20
    machine = np.repeat([False, True], 20)
    features = feature_matrix(texts, SPEC)
    coefficients, bias = fit_logistic(features, machine, np.full(40, 1.0), 1e-3)
    assert ((features @ coefficients + bias > 0) == machine).all()
    # Only the proportions of the weights matter.
    again, _ = fit_logistic(features, machine, np.full(40, 7.0), 1e-3)
    assert again == pytest.approx(coefficients, abs=1e-3)
