"""A first run of a new detector before it decides anything."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from worker.errors import DetectorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.detector.protocol import Detector, Encoded

# In words: from the shortest post to more than most models see.
_LENGTHS: Final = (1, 8, 64, 512)
_TEXTS: Final = [" ".join(["plain words"] * (words // 2) or ["word"]) for words in _LENGTHS]


def rehearse(detector: Detector) -> None:
    """Scores texts of several lengths, each alone and all together.

    What is set up at first use (kernels, buffers, thread pools) is set up then, and no post waits for it.

    Raises:
        DetectorError: it fails on plain words, so it would fail on posts.
    """
    try:
        encoded = detector.encode(_TEXTS)
        logits = [_logits(detector, [one])[0] for one in encoded] + _logits(detector, encoded)
    except Exception as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise DetectorError(f"detector: {detector.name} fails on plain words ({said})") from error
    if not all(map(math.isfinite, logits)):
        raise DetectorError(f"detector: {detector.name} gives {logits} for plain words, which are no logits")


def _logits(detector: Detector, batch: Sequence[Encoded]) -> list[float]:
    logits = detector.logits(batch)
    if len(logits) != len(batch):
        raise ValueError(f"{len(logits)} logits for {len(batch)} texts")
    return logits
