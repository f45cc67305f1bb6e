"""The detector that ships: what it claims of itself is what it does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from worker.detector.loading import DEFAULT_FOLDER, load_detector
from worker.lab.corpus import Sample, read_samples
from worker.lab.measuring import by_generator, logits_of
from worker.settings import DetectorSettings

if TYPE_CHECKING:
    from worker.detector.protocol import Detector

DATA = Path(__file__).parents[4] / "shared" / "data"
VALIDATION = [DATA / f"{name}.valid.jsonl.gz" for name in ("tweets", "pairs", "snippets", "gpt2-k40")]


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector(DetectorSettings())


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    if not all(path.is_file() for path in VALIDATION):
        pytest.skip("the validation texts are not beside this repository, in ../shared/data")
    return read_samples(VALIDATION)


def test_it_is_small_calibrated_and_named() -> None:
    one = load_detector(DetectorSettings())
    assert one.name == "flagstaff-linear-1"
    assert sum(path.stat().st_size for path in DEFAULT_FOLDER.iterdir()) < 2**20
    calibration = one.calibration
    assert calibration.fitted
    assert calibration.languages == ("en",)
    assert calibration.threshold is not None
    assert calibration.false_positive_bound is not None
    assert calibration.false_positive_bound < 0.1
    assert calibration.covers(tokens=calibration.min_tokens, lang="en")


def test_it_measures_as_it_says(detector: Detector, samples: list[Sample]) -> None:
    stated = msgspec.json.decode((DEFAULT_FOLDER / "measured.json").read_bytes())["further"]["texts"]
    logits = logits_of(detector, [one.text for one in samples])
    found = [(one.family, one.generator, one.auroc) for one in by_generator(samples, logits, None)]
    assert found == [(row["family"], row["generator"], row["auroc"]) for row in stated]
    assert {family for family, _, _ in found} == {"advdec", "fast-detect-gpt", "tweepfake"}


def test_humans_are_seldom_above_its_threshold(detector: Detector, samples: list[Sample]) -> None:
    calibration = detector.calibration
    assert calibration.threshold is not None
    assert calibration.false_positive_bound is not None
    human = [one.text for one in samples if not one.is_machine]
    encoded = detector.encode(human)
    within = [one for one in encoded if calibration.covers(tokens=one.tokens, lang=None)]
    above = [
        logit for logit in detector.logits(within) if calibration.probability(logit) > calibration.threshold
    ]
    assert len(above) / len(within) < calibration.false_positive_bound


def test_it_holds_no_text_that_it_was_trained_on() -> None:
    names = {path.name for path in DEFAULT_FOLDER.iterdir()}
    assert names == {"detector.json", "weights.safetensors", "measured.json"}
