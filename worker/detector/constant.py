"""A detector without an opinion: what the worker around it costs can be measured with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.detector.calibration import Calibration
from worker.detector.protocol import Encoded

if TYPE_CHECKING:
    from collections.abc import Sequence

_CHARS_PER_TOKEN: Final = 4


class ConstantDetector:
    """Gives every text the logit 0.0 and is calibrated for none, so a policy sees the signals alone.

    A token is taken to be four characters.
    """

    name = "constant"
    digest = "constant-1"
    calibration = Calibration()
    batch_tokens = 16_384
    on_gpu = False

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """The lengths of the texts."""
        return [Encoded(None, -(-len(text) // _CHARS_PER_TOKEN), truncated=False) for text in texts]

    def logits(self, batch: Sequence[Encoded]) -> list[float]:
        """0.0 for each text."""
        return [0.0] * len(batch)
