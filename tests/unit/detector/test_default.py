"""The detector that ships."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from worker.detector.loading import DEFAULT_FOLDER, load_detector
from worker.lab.corpus import read_samples
from worker.lab.measuring import by_generator, logits_of
from worker.settings import DetectorSettings

if TYPE_CHECKING:
    from worker.detector.protocol import Detector

DATA = Path(__file__).parents[4] / "shared" / "data"
MOST_BYTES = 3 * 2**20
TEXT = "The quick brown fox jumps over the lazy dog."
LOGIT = -0.9155000252082349


@pytest.fixture(scope="module")
def default() -> Detector:
    return load_detector(DetectorSettings())


def test_it_is_calibrated_for_english_and_says_how_often_it_is_wrong(default: Detector) -> None:
    calibration = default.calibration
    assert calibration.fitted
    assert calibration.covers(tokens=calibration.min_tokens, lang="en-GB")
    assert not calibration.covers(tokens=calibration.min_tokens, lang="de")
    assert not calibration.covers(tokens=calibration.min_tokens - 1, lang="en")
    assert calibration.threshold is not None
    assert calibration.false_positive_bound is not None
    assert calibration.false_positive_bound < 0.05


def test_it_is_small_and_can_be_read_by_all() -> None:
    files = [path for path in DEFAULT_FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < MOST_BYTES
    assert all(path.stat().st_mode & 0o004 for path in files)


def test_a_logit_stays_what_it_was(default: Detector) -> None:
    # Weights that were trained anew change it, and the digest with it. If it changes with the same weights,
    # replays of earlier flags differ: then `_FEATURES_VERSION` of the linear detector has to be raised.
    # The mixture is not of integers, as its members are: elsewhere it may end in another last bit.
    assert default.logits(default.encode([TEXT])) == [pytest.approx(LOGIT, abs=1e-12)]


@pytest.mark.parametrize("name", ["tweets", "pairs"])
def test_it_measures_as_it_says(default: Detector, name: str) -> None:
    path = DATA / f"{name}.valid.jsonl.gz"
    if not path.is_file():
        pytest.skip("the validation texts are not beside this repository, in ../shared/data")
    samples = read_samples([path])
    found = by_generator(samples, logits_of(default, [one.text for one in samples]), None)
    measured = msgspec.json.decode((DEFAULT_FOLDER / "measured.json").read_bytes())
    stated = {(row["family"], row["generator"]): row["auroc"] for row in measured["further"]["texts"]}
    assert [(one.generator, one.auroc) for one in found] == [
        (one.generator, stated[one.family, one.generator]) for one in found
    ]
