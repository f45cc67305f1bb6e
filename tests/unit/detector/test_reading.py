from __future__ import annotations

import pytest

from worker.detector.calibration import Calibration
from worker.detector.constant import ConstantDetector
from worker.detector.loading import load_detector
from worker.detector.reading import reading
from worker.settings import DetectorSettings


class CalibratedDetector(ConstantDetector):
    calibration = Calibration(
        fitted=True,
        slope=2.0,
        intercept=-1.0,
        min_tokens=10,
        max_tokens=100,
        languages=("en",),
        threshold=0.9,
        false_positive_bound=0.02,
    )


@pytest.mark.parametrize(
    ("lang", "tokens", "calibrated"),
    [
        ("en", 10, True),
        ("en-GB", 100, True),
        (None, 50, True),
        ("de", 50, False),
        ("en", 9, False),
        ("en", 101, False),
    ],
)
def test_a_reading_says_what_is_known_and_whether_it_holds(
    lang: str | None, tokens: int, *, calibrated: bool
) -> None:
    said = reading(CalibratedDetector(), lang=lang, logit=0.5, encoded_tokens=tokens, truncated=True)
    assert said.calibrated is calibrated
    assert (said.name, said.digest, said.logit, said.tokens, said.truncated) == (
        "constant",
        "constant-1",
        0.5,
        tokens,
        True,
    )
    assert said.probability == 0.5
    assert (said.threshold, said.false_positive_bound) == (0.9, 0.02)


def test_the_constant_detector_has_no_opinion() -> None:
    detector = load_detector(DetectorSettings(model="constant"))
    encoded = detector.encode(["", "a", "four", "five!"])
    assert [one.tokens for one in encoded] == [0, 1, 1, 2]
    assert detector.logits(encoded) == [0.0] * 4
    said = reading(detector, lang="en", logit=0.0, encoded_tokens=50, truncated=False)
    assert (said.probability, said.calibrated, said.threshold) == (0.5, False, None)
