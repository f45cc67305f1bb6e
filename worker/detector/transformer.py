"""Any sequence classifier of the transformers library as a detector."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Protocol

import torch

from worker.detector.preparation import prepare
from worker.detector.protocol import DeviceLost, Encoded, OutOfMemory
from worker.detector.windows import OVERLAP, Window, combined, windows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from worker.detector.calibration import Calibration
    from worker.detector.preparation import Preparation

# What lies behind this many characters a token is not tokenised: a post may have half a million of them.
_CHARS_PER_TOKEN: Final = 64
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_NO_MEMORY: Final = re.compile("out of memory|not enough memory|DefaultCPUAllocator|ALLOC_FAILED")
_DEVICE_LOST: Final = re.compile("CUDA (driver )?error")


class Runner(Protocol):
    """Runs a model over texts of any number, sharing them out as the device likes it.

    Attributes:
        batch_tokens: tokens of one call beyond which it gets no faster.
        on_gpu: whether that is on a GPU.
    """

    batch_tokens: int
    on_gpu: bool

    def outputs(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """The classifier's outputs, shape (texts, labels), float64, on the CPU."""
        ...


class TransformerDetector:
    """Tokenises, cuts long texts into windows, and makes logits of a model's outputs.

    Args:
        name: a short name for people.
        digest: of everything a logit depends on.
        calibration: how its logits become probabilities.
        tokenizer: a transformers tokenizer.
        runner: runs the model, which has two outputs.
        machine: which of the outputs means `machine`: 0 or 1.
        max_tokens: most tokens of one window, those that the tokenizer adds included.
        max_windows: windows of one text that are looked at, from its beginning.
        preparation: what is done to a text before it is tokenised.
    """

    def __init__(  # noqa: PLR0913 - the parts that a model is made of
        self,
        name: str,
        digest: str,
        calibration: Calibration,
        *,
        tokenizer: Any,
        runner: Runner,
        machine: int,
        max_tokens: int,
        max_windows: int,
        preparation: Preparation = "plain",
    ) -> None:
        self.name = name
        self.digest = digest
        self.calibration = calibration
        self.batch_tokens = runner.batch_tokens
        self.on_gpu = runner.on_gpu
        self._tokenizer = tokenizer
        self._runner = runner
        self._machine = machine
        self._max_tokens = max_tokens
        self._max_windows = max_windows
        self._preparation = preparation
        self._stride = stride(max_tokens)

    @property
    def max_tokens(self) -> int:
        """Most tokens of one window."""
        return self._max_tokens

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Token ids. A special token's name in a text (`</s>`) is read as plain letters, not as the token."""
        if not texts:
            return []
        most = self._max_tokens * self._max_windows * _CHARS_PER_TOKEN
        texts = [prepare(text, self._preparation) for text in texts]
        tokenised = self._tokenizer(
            [_SURROGATE.sub("\ufffd", text[:most]) for text in texts],
            truncation=True,
            max_length=self._max_tokens,
            stride=self._stride,
            split_special_tokens=True,
            return_attention_mask=False,
            return_token_type_ids=False,
        )
        return [
            self._encoded(encoding, cut=len(text) > most)
            for text, encoding in zip(texts, tokenised.encodings, strict=True)
        ]

    def logits(self, batch: Sequence[Encoded]) -> list[float]:
        """The machine's output less the human's, for each text in order.

        Raises:
            OutOfMemory: there was no memory for so many at a time.
            DeviceLost: CUDA failed in another way, after which it does not work again in this process.
        """
        texts = [window.tokens for encoded in batch for window in encoded.payload]
        if not texts:
            return []
        try:
            outputs = self._runner.outputs(texts)
        except MemoryError as error:
            raise OutOfMemory(str(error)) from error
        except RuntimeError as error:  # torch.OutOfMemoryError is one; the CPU's has no class of its own
            if isinstance(error, torch.OutOfMemoryError) or _NO_MEMORY.search(str(error)):
                raise OutOfMemory(str(error).partition("\n")[0]) from error
            if isinstance(error, torch.AcceleratorError) or _DEVICE_LOST.search(str(error)):
                raise DeviceLost(str(error).partition("\n")[0]) from error
            raise
        logits = iter((outputs[:, self._machine] - outputs[:, 1 - self._machine]).tolist())
        return [combined([next(logits) for _ in encoded.payload], encoded.payload) for encoded in batch]

    def _encoded(self, encoding: Any, *, cut: bool) -> Encoded:
        parts = [self._read(one) for one in (encoding, *encoding.overflowing)]
        windows, left_out = windows_of(parts, self._stride, self._max_windows)
        if not parts[0]:
            # An empty text, and a tokenizer that adds nothing to it: the model needs something to see.
            windows = [Window([self._anything()], 1)]
        return Encoded(windows, sum(len(window.tokens) for window in windows), left_out or cut)

    def _read(self, encoding: Any) -> list[int]:
        ids: list[int] = encoding.ids
        if not self._spelt or self._spelt.isdisjoint(ids):
            return ids
        unknown = self._tokenizer.unk_token_id
        return [
            token if added or token not in self._spelt else unknown
            for token, added in zip(ids, encoding.special_tokens_mask, strict=True)
        ]

    @cached_property
    def _spelt(self) -> frozenset[int]:
        """Special tokens that a text could spell: Unigram tokenizers know their names as words."""
        unknown = self._tokenizer.unk_token_id
        if unknown is None:
            return frozenset()
        names = " ".join(self._tokenizer.all_special_tokens)
        spelt = self._tokenizer(names, add_special_tokens=False, split_special_tokens=True).input_ids
        return frozenset(spelt).intersection(self._tokenizer.all_special_ids) - {unknown}

    def _anything(self) -> int:
        known = (self._tokenizer.bos_token_id, self._tokenizer.eos_token_id, self._tokenizer.unk_token_id)
        return next((token for token in known if token is not None), 0)


def stride(max_tokens: int) -> int:
    """How many tokens a window shares with the one before it, of windows this long."""
    return int(max_tokens * OVERLAP)
