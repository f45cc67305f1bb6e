"""A detector whose word on a text is a plain function of it, for tests of what measures detectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.detector.calibration import Calibration
from worker.detector.protocol import Encoded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Flags what has a logit above 0.
CALIBRATION = Calibration(
    fitted=True, min_tokens=1, languages=("en",), threshold=0.5, false_positive_bound=0.05
)


class RuledDetector:
    """A word is a token.

    Args:
        rule: from a text to its logit.
        calibration: of the logits.
    """

    def __init__(self, rule: Callable[[str], float], calibration: Calibration = CALIBRATION) -> None:
        self.name = "ruled"
        self.digest = "0" * 32
        self.calibration = calibration
        self.batch_tokens = 1_000
        self.on_gpu = False
        self.texts_scored = 0
        self._rule = rule

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        return [Encoded(text, len(text.split()), truncated=False) for text in texts]

    def logits(self, batch: Sequence[Encoded]) -> list[float]:
        self.texts_scored += len(batch)
        return [self._rule(one.payload) for one in batch]
