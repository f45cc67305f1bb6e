"""A detector that goes wrong on texts with certain words; as a program, the isolated child with it."""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Final

from worker.detector.isolation import serve_parent
from worker.detector.loading import load_detector
from worker.detector.protocol import Encoded, OutOfMemory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.detector.calibration import Calibration
    from worker.detector.protocol import Detector

# Words, each of which makes `logits` go wrong in its own way...
RAISES: Final = "faulty-raises"
GIVES_NAN: Final = "faulty-gives-nan"
EXITS: Final = "faulty-exits"
KILLS: Final = "faulty-kills"
HANGS: Final = "faulty-hangs"
# ... or `encode`.
KILLS_ENCODING: Final = "faulty-encoding-kills"

EXIT_CODE: Final = 9


class FaultyDetector:
    """Another detector, but for texts that hold one of the words above.

    Args:
        inner: scores all other texts.
        most_tokens: a batch of more tokens raises `OutOfMemory`; None: none does.
    """

    def __init__(self, inner: Detector, most_tokens: int | None = None) -> None:
        self._inner = inner
        self._most_tokens = most_tokens
        self.name: str = inner.name
        self.digest: str = inner.digest
        self.calibration: Calibration = inner.calibration
        self.batch_tokens: int = inner.batch_tokens
        self.on_gpu: bool = inner.on_gpu

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        if any(KILLS_ENCODING in text for text in texts):
            os.kill(os.getpid(), signal.SIGKILL)
        encoded = self._inner.encode(texts)
        return [one._replace(payload=(text, one)) for text, one in zip(texts, encoded, strict=True)]

    def logits(self, batch: Sequence[Encoded]) -> list[float]:
        tokens = sum(one.tokens for one in batch)
        if self._most_tokens is not None and tokens > self._most_tokens:
            raise OutOfMemory(f"no memory for {tokens} tokens")
        texts = [one.payload[0] for one in batch]
        for text in texts:
            self._go_wrong(text)
        logits = self._inner.logits([one.payload[1] for one in batch])
        return [math.nan if GIVES_NAN in text else one for text, one in zip(texts, logits, strict=True)]

    @staticmethod
    def _go_wrong(text: str) -> None:
        if RAISES in text:
            raise ValueError(f"this text can't be scored: {RAISES}")
        if EXITS in text:
            os._exit(EXIT_CODE)
        if KILLS in text:
            os.kill(os.getpid(), signal.SIGKILL)
        if HANGS in text:
            print(os.getpid(), file=sys.stderr, flush=True)  # noqa: T201 - so that a test knows when and who
            threading.Event().wait()


if __name__ == "__main__":
    serve_parent(lambda settings: FaultyDetector(load_detector(settings)))
