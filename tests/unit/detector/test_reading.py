from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.detector.calibration import Calibration
from worker.detector.constant import ConstantDetector
from worker.detector.reading import reading


class Calibrated(ConstantDetector):
    """The constant detector with a calibration."""

    name = "calibrated"
    digest = "c1"
    calibration = Calibration(
        fitted=True,
        slope=2.0,
        intercept=-1.0,
        min_tokens=10,
        max_tokens=100,
        languages=("en",),
        threshold=0.8,
        false_positive_bound=0.01,
    )


def test_it_carries_what_the_detector_and_its_calibration_say() -> None:
    one = reading(Calibrated(), lang="en-GB", logit=0.5, encoded_tokens=20, truncated=True)
    assert (one.name, one.digest, one.logit, one.tokens, one.truncated) == ("calibrated", "c1", 0.5, 20, True)
    assert one.probability == pytest.approx(0.5)
    assert one.calibrated
    assert (one.threshold, one.false_positive_bound) == (0.8, 0.01)


@pytest.mark.parametrize(
    ("lang", "tokens", "calibrated"),
    [
        ("en", 10, True),
        (None, 100, True),
        ("EN", 50, True),
        ("fr", 50, False),
        ("en", 9, False),
        ("en", 101, False),
    ],
)
def test_it_says_where_the_calibration_does_not_hold(
    lang: str | None, tokens: int, *, calibrated: bool
) -> None:
    one = reading(Calibrated(), lang=lang, logit=0.0, encoded_tokens=tokens, truncated=False)
    assert one.calibrated is calibrated


def test_without_a_calibration_nothing_is_calibrated() -> None:
    one = reading(ConstantDetector(), lang=None, logit=0.0, encoded_tokens=50, truncated=False)
    assert not one.calibrated
    assert one.threshold is None
    assert one.false_positive_bound is None


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_a_probability_is_one_and_grows_with_the_logit(a: float, b: float) -> None:
    low, high = (
        reading(Calibrated(), lang=None, logit=logit, encoded_tokens=20, truncated=False).probability
        for logit in sorted((a, b))
    )
    assert 0.0 <= low <= high <= 1.0
