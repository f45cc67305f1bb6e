from __future__ import annotations

from worker.detector.constant import ConstantDetector


def test_it_has_no_opinion_and_says_that_it_is_not_calibrated() -> None:
    detector = ConstantDetector()
    encoded = detector.encode(["", "four", "fives"])
    assert [one.tokens for one in encoded] == [0, 1, 2]
    assert detector.logits(encoded) == [0.0, 0.0, 0.0]
    assert detector.logits([]) == []
    assert not detector.calibration.covers(tokens=100, lang="en")
    assert detector.calibration.probability(0.0, 10) == 0.5
