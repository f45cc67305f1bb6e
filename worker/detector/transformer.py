"""Any sequence classifier of the transformers library as a detector, one text at a time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import torch

from worker.detector.protocol import DeviceLost, Encoded, OutOfMemory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.detector.calibration import Calibration

# What lies behind this many characters a token is not tokenised: a post may have half a million of them.
_CHARS_PER_TOKEN: Final = 64
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_NO_MEMORY: Final = re.compile("out of memory|not enough memory|DefaultCPUAllocator|ALLOC_FAILED")
_DEVICE_LOST: Final = re.compile("CUDA (driver )?error")


class TransformerDetector:
    """Runs the model over one text after the other.

    Batches would be faster, and would break the promise that a logit depends on its own text alone: matrix
    products of another shape add up in another order. Measured with BERT and RoBERTa in float32 on a CPU,
    texts of one length without padding: every batch differed from single runs in the last bits.

    Args:
        name: a short name for people.
        digest: of everything a logit depends on.
        calibration: how its logits become probabilities.
        tokenizer: a transformers tokenizer.
        model: a transformers model with two outputs, in evaluation mode, on its device.
        machine: which of the outputs means `machine`: 0 or 1.
        max_tokens: most tokens of one text, those that the tokenizer adds included.
    """

    def __init__(  # noqa: PLR0913 - the parts that a model is made of
        self,
        name: str,
        digest: str,
        calibration: Calibration,
        *,
        tokenizer: Any,
        model: Any,
        machine: int,
        max_tokens: int,
    ) -> None:
        self.name = name
        self.digest = digest
        self.calibration = calibration
        self._tokenizer = tokenizer
        self._model = model
        self._machine = machine
        self._max_tokens = max_tokens

    @property
    def max_tokens(self) -> int:
        """Most tokens of one text."""
        return self._max_tokens

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Token ids. A special token's name in a text (`</s>`) is read as plain letters, not as the token."""
        if not texts:
            return []
        most = self._max_tokens * _CHARS_PER_TOKEN
        tokenised = self._tokenizer(
            [_SURROGATE.sub("\ufffd", text[:most]) for text in texts],
            truncation=True,
            max_length=self._max_tokens,
            split_special_tokens=True,
            return_attention_mask=False,
        )
        return [
            self._encoded(
                {name: tokenised[name][place] for name in tokenised},
                truncated=len(text) > most or bool(tokenised.encodings[place].overflowing),
            )
            for place, text in enumerate(texts)
        ]

    def logits(self, batch: Sequence[Encoded]) -> list[float]:
        """The machine's output less the human's, for each text in order.

        Raises:
            OutOfMemory: there was no memory for one of them.
            DeviceLost: CUDA failed in another way, after which it does not work again in this process.
        """
        try:
            with torch.inference_mode():
                return [self._logit(encoded.payload) for encoded in batch]
        except MemoryError as error:
            raise OutOfMemory(str(error)) from error
        except RuntimeError as error:  # torch.OutOfMemoryError is one; the CPU's has no class of its own
            if isinstance(error, torch.OutOfMemoryError) or _NO_MEMORY.search(str(error)):
                raise OutOfMemory(str(error).partition("\n")[0]) from error
            if isinstance(error, torch.AcceleratorError) or _DEVICE_LOST.search(str(error)):
                raise DeviceLost(str(error).partition("\n")[0]) from error
            raise

    def _encoded(self, inputs: dict[str, list[int]], *, truncated: bool) -> Encoded:
        if not inputs["input_ids"]:
            # An empty text, and a tokenizer that adds nothing to it: the model needs something to see.
            inputs = {name: [0] for name in inputs} | {"input_ids": [self._anything()]}
        return Encoded(inputs, len(inputs["input_ids"]), truncated)

    def _anything(self) -> int:
        known = (self._tokenizer.bos_token_id, self._tokenizer.eos_token_id, self._tokenizer.unk_token_id)
        return next((token for token in known if token is not None), 0)

    def _logit(self, inputs: dict[str, list[int]]) -> float:
        device = self._model.device
        tensors = {name: torch.tensor([ids], device=device) for name, ids in inputs.items()}
        tensors["attention_mask"] = torch.ones_like(tensors["input_ids"])
        outputs = self._model(**tensors).logits[0].double().tolist()
        logit: float = outputs[self._machine] - outputs[1 - self._machine]
        return logit
