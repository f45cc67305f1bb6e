"""Scores a batch so that one bad post harms one post, and a full device only makes it slower."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from worker.detector.protocol import OutOfMemory
from worker.metrics import BATCH_FILL, BATCH_TOKENS, GPU_SECONDS, OUT_OF_MEMORY, TOKEN_BUDGET

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.detector.protocol import Detector, Encoded


class NoLogitError(ValueError):
    """The detector gave something for a text that is no logit."""


class Scorer:
    """Runs a detector over batches of any size. One thread uses it.

    Args:
        detector: what is run.
        token_budget: most tokens in one call of its `logits`, None for what the detector likes best; one
            larger post goes alone. When the device runs out of memory it is halved, and stays so while this
            object lives.
    """

    def __init__(self, detector: Detector, token_budget: int | None) -> None:
        self._detector = detector
        self._budget = detector.batch_tokens if token_budget is None else token_budget
        TOKEN_BUDGET.set(self._budget)

    @property
    def token_budget(self) -> int:
        """The budget in force."""
        return self._budget

    def score(self, batch: Sequence[Encoded]) -> list[float | Exception]:
        """The logit of each text, in order, or why it has none.

        A call that fails for another reason than memory is bisected until the texts that fail are found. A
        text that does not fit the device even alone has the `OutOfMemory` as its result.
        """
        results: list[float | Exception] = []
        while len(results) < len(batch):
            part = self._affordable(batch, len(results))
            try:
                results += self._logits(part)
            except OutOfMemory as error:
                OUT_OF_MEMORY.inc()
                if len(part) == 1:
                    results.append(error)
                else:
                    self._halve(part)
            except Exception as error:  # noqa: BLE001 - a detector may raise anything on a stranger's text
                results += [error] if len(part) == 1 else self._bisected(part)
        return results

    def _bisected(self, part: Sequence[Encoded]) -> Iterator[float | Exception]:
        middle = len(part) // 2
        for half in (part[:middle], part[middle:]):
            yield from self.score(half)

    def _affordable(self, batch: Sequence[Encoded], begin: int) -> Sequence[Encoded]:
        """The longest run of the batch from `begin` that is within the budget, at least one text."""
        tokens = 0
        for end in range(begin, len(batch)):
            tokens += batch[end].tokens
            if tokens > self._budget and end > begin:
                return batch[begin:end]
        return batch[begin:]

    def _halve(self, part: Sequence[Encoded]) -> None:
        # A batch that was smaller than the budget tells that half the budget would not do either.
        tokens = sum(encoded.tokens for encoded in part)
        self._budget = max(1, min(self._budget, tokens) // 2)
        TOKEN_BUDGET.set(self._budget)

    def _logits(self, part: Sequence[Encoded]) -> list[float | Exception]:
        begun = time.perf_counter()
        logits = self._detector.logits(part)
        if self._detector.on_gpu:
            GPU_SECONDS.inc(time.perf_counter() - begun)
        if len(logits) != len(part):
            raise NoLogitError(f"the detector gave {len(logits)} logits for {len(part)} texts")
        tokens = sum(encoded.tokens for encoded in part)
        BATCH_FILL.observe(min(1.0, tokens / self._budget))
        BATCH_TOKENS.inc(tokens)
        return [
            logit if math.isfinite(logit) else NoLogitError(f"the detector gave {logit}, which is no score")
            for logit in logits
        ]
