"""What a detector is to the rest of Flagstaff.

Work is split in two so that tokenising runs on another thread than the model: `encode` needs only the CPU
and never fails on any string; `logits` runs the model and may raise. A logit depends on its own text alone,
never on what else is in the batch: cache, replay and redelivery rely on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.detector.calibration import Calibration


class Encoded(NamedTuple):
    """One text made ready for the model.

    Attributes:
        payload: what the detector's own `logits` reads; opaque to everyone else.
        tokens: how many tokens the model will see, which is what a batch is budgeted by.
        truncated: whether the text went on beyond what the model sees.
    """

    payload: Any
    tokens: int
    truncated: bool


class Detector(Protocol):
    """Estimates whether a language model wrote a text.

    Attributes:
        name: a short name for people.
        digest: hex digest of everything its word depends on: weights, tokenizer, number format, device kind,
            calibration.
        calibration: how a logit becomes a probability, and for which lengths and languages.
        batch_tokens: tokens in one call of `logits` beyond which it gets no faster, so more only wait longer.
        on_gpu: whether `logits` runs on a GPU.
    """

    name: str
    digest: str
    calibration: Calibration
    batch_tokens: int
    on_gpu: bool

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Tokenise canonical texts, in order. Called from one thread, never the one that calls `logits`."""
        ...

    def logits(self, batch: Sequence[Encoded]) -> list[float]:
        """The log-odds that a machine wrote each text (positive: machine), in order.

        Raises:
            OutOfMemory: the batch was too large for the device; a smaller one may work.
            DeviceLost: this process can't use the device any more.
            Exception: anything else means that some text of the batch can't be scored.
        """
        ...


class OutOfMemory(Exception):  # noqa: N818 - the name everybody knows it by
    """The device had no memory for this batch."""


class DeviceLost(BaseException):
    """The device answers this process with errors only, so the process has to end.

    After some errors CUDA refuses everything until the process is started again: every text would seem bad.
    The process that follows finds by itself whether one text brings it about.
    """
