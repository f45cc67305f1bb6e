"""From a logit to what is published of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.records import DetectorReading

if TYPE_CHECKING:
    from worker.detector.protocol import Detector


def reading(
    detector: Detector, *, lang: str | None, logit: float, encoded_tokens: int, truncated: bool
) -> DetectorReading:
    """What the detector said of one text.

    Args:
        detector: who said it.
        lang: the post's language, as its author or the platform states it; None: not stated.
        logit: the log-odds before calibration that a machine wrote the text.
        encoded_tokens: how many tokens the model saw.
        truncated: whether the text went on beyond them.
    """
    calibration = detector.calibration
    return DetectorReading(
        name=detector.name,
        digest=detector.digest,
        logit=logit,
        probability=calibration.probability(logit, encoded_tokens),
        tokens=encoded_tokens,
        truncated=truncated,
        calibrated=calibration.covers(tokens=encoded_tokens, lang=lang),
        threshold=calibration.threshold,
        false_positive_bound=calibration.false_positive_bound,
    )
