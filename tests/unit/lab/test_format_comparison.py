"""What a number format changes, worked out from logits and measured on a model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from tests.support.tiny_transformer import SENTENCES, save_roberta
from worker.detector.calibration import Calibration, sigmoid
from worker.detector.checkpoint import Manifest
from worker.detector.loading import load_detector
from worker.lab.format_comparison import decisions, format_shift, scores_in
from worker.policy import load_policy
from worker.settings import DetectorSettings

if TYPE_CHECKING:
    from pathlib import Path

    from worker.detector.calibration import NumberFormat

POLICY = load_policy()
# A text is labelled from 1.39 log-odds on, which are reached at a logit of 0.7.
PLAIN = Calibration(fitted=True, slope=2.0)
CUT = math.log(0.8 / 0.2) / 2
# And here at a logit of 3, where the detector's own threshold lies.
STRICT = Calibration(fitted=True, slope=2.0, threshold=sigmoid(6.0))
FORMATS: tuple[NumberFormat, ...] = ("float32", "bfloat16", "int8")


def test_a_decision_is_the_policys_action_on_the_detectors_word_alone() -> None:
    logits = [-20.0, CUT - 0.01, CUT + 0.01, 2.99, 3.01, 20.0]
    # The default policy lets the detector alone bring about no more than a label.
    assert decisions(logits, [50] * 6, PLAIN, POLICY) == ["pass", "pass", *["label"] * 4]
    assert decisions(logits, [50] * 6, STRICT, POLICY) == [*["pass"] * 4, "label", "label"]


def test_where_the_detector_failed_there_is_no_decision() -> None:
    assert decisions([5.0, None], [50, 50], PLAIN, POLICY) == ["label", None]


def test_a_shift_counts_other_decisions_and_measures_the_logits() -> None:
    own = [-1.0, 0.6, 0.8, 4.0]
    found = format_shift(
        "int8",
        [-1.5, 0.8, 0.75, 4.0],
        own=own,
        tokens=[50] * 4,
        calibration=PLAIN,
        policy=POLICY,
        device="cpu",
    )
    assert (found.texts, found.changed) == (4, 0.25)
    assert found.worst == pytest.approx(0.5)
    assert found.mean == pytest.approx((0.5 + 0.2 + 0.05) / 4)
    assert not found.allowed
    assert found.policy == f"{POLICY.name} {POLICY.digest}"
    assert found.device.startswith("cpu ")


def test_the_same_logits_change_nothing() -> None:
    own = [-1.0, 0.6, 0.8, 4.0]
    found = format_shift(
        "bfloat16", own, own=own, tokens=[50] * 4, calibration=PLAIN, policy=POLICY, device="cpu"
    )
    assert (found.changed, found.worst, found.mean, found.allowed) == (0.0, 0.0, 0.0, True)


def test_a_text_that_a_format_fails_on_is_decided_otherwise() -> None:
    found = format_shift(
        "bfloat16",
        [None, 1.0],
        own=[-5.0, 1.0],
        tokens=[50, 50],
        calibration=PLAIN,
        policy=POLICY,
        device="cpu",
    )
    assert (found.changed, found.worst) == (0.5, 0.0)
    found = format_shift(
        "bfloat16", [None], own=[-5.0], tokens=[50], calibration=PLAIN, policy=POLICY, device="cpu"
    )
    assert (found.changed, found.worst, found.mean) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize("number_format", FORMATS)
def test_scores_are_those_of_the_detector_in_that_format(tmp_path: Path, number_format: NumberFormat) -> None:
    save_roberta(tmp_path)
    # A calibration that belongs to none of them is no hindrance: here it decides nothing.
    calibration = Calibration(fitted=True, number_format="float16")
    manifest = Manifest(
        format=1, kind="transformers", name="tiny", labels=("human", "machine"), calibration=calibration
    )
    settings = DetectorSettings(model=str(tmp_path), device="cpu", dtype="auto")
    scores = scores_in(number_format, tmp_path, manifest, settings, [SENTENCES[:2], SENTENCES[2:]])
    plain = load_detector(DetectorSettings(model=str(tmp_path), device="cpu", dtype=number_format))
    encoded = plain.encode(SENTENCES)
    assert scores.logits == plain.logits(encoded)
    assert scores.tokens == [one.tokens for one in encoded]
