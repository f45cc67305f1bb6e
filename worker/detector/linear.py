"""The linear baseline: logistic regression on hashed character n-grams, with numpy alone."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import numpy as np
from msgspec import Meta, Struct

from worker.detector.ngrams import NgramSpec, chunks, ngram_buckets, preparation
from worker.detector.protocol import Encoded, OutOfMemory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from worker.detector.calibration import Calibration

_CHARS_PER_TOKEN: Final = 4
# Raise it when the same weights would give other logits: `preparation`, the hash, the tokens.
_FEATURES_VERSION: Final = 1
_BATCH_TOKENS: Final = 16_384


def tokens_in(chars: int) -> int:
    """How many tokens so many characters are taken for."""
    return -(-chars // _CHARS_PER_TOKEN)


class LinearModel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a linear detector knows beside its weights.

    Attributes:
        ngrams: which n-grams its weights belong to.
        scale: what an integer weight of one is worth, in log-odds.
        bias: log-odds of a text without n-grams.
    """

    ngrams: NgramSpec
    scale: Annotated[float, Meta(gt=0)]
    bias: float


class LinearDetector:
    """Sums the weights of a text's n-grams and divides by the square root of their number.

    The weights are 16-bit integers and their sums exact, so a logit is the same to the last bit whatever else
    is in the batch, and on every machine. A token is taken to be four characters, which is about what
    subword tokenizers make of English; it also measures the work, whatever the script.

    Args:
        name: a short name for people.
        model: what belongs to the weights.
        weights: shape (buckets,), int16.
        calibration: how its logits become probabilities.
    """

    def __init__(
        self, name: str, model: LinearModel, weights: NDArray[np.int16], calibration: Calibration
    ) -> None:
        self.name = name
        self.calibration = calibration
        self.batch_tokens = _BATCH_TOKENS
        self.on_gpu = False
        self.digest = blake2b(
            b"linear %d " % _FEATURES_VERSION
            + msgspec.json.encode(model)
            + msgspec.json.encode(calibration)
            + np.ascontiguousarray(weights, "<i2").tobytes(),
            digest_size=16,
        ).hexdigest()
        self._model = model
        self._prepare = preparation(model.ngrams)
        # The last weight is that of no n-gram.
        self._weights = np.append(weights, np.int16(0)).astype(np.int16)

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Canonical texts with links, names and case out of the way, and what else the model hides."""
        most = self._model.ngrams.max_chars
        return [
            Encoded(self._prepare(text), tokens_in(min(len(text), most)), len(text) > most) for text in texts
        ]

    def logits(self, batch: Sequence[Encoded]) -> list[float]:
        """The log-odds that a machine wrote each text, in order.

        Raises:
            OutOfMemory: there was no memory for the batch.
        """
        logits: list[float] = []
        try:
            for texts in chunks([encoded.payload for encoded in batch]):
                logits += self._logits(texts)
        except MemoryError as error:
            raise OutOfMemory(str(error)) from error
        return logits

    def _logits(self, texts: Sequence[str]) -> list[float]:
        begins, orders, counts = ngram_buckets(texts, self._model.ngrams)
        by_character = np.zeros(len(orders[0]), np.int64)
        for buckets in orders:
            by_character += self._weights[buckets]
        sums = np.add.reduceat(by_character, begins)
        logits: NDArray[np.float64] = (
            sums * self._model.scale / np.sqrt(np.maximum(counts, 1)) + self._model.bias
        )
        return logits.tolist()  # type: ignore[no-any-return]  # numpy types a list of floats as Any
