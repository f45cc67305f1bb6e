from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from tests.support.moderation import WordDetector
from worker.detector.constant import ConstantDetector
from worker.detector.protocol import OutOfMemory
from worker.errors import DetectorError
from worker.stream.rehearsal import rehearse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.detector.protocol import Encoded


def test_it_runs_texts_of_several_lengths_alone_and_together() -> None:
    detector = WordDetector()
    rehearse(detector)
    lengths = {len(text.split()) for text in detector.encoded}
    assert min(lengths) == 1
    assert max(lengths) >= 512
    assert len(detector.scored) == 2 * len(detector.encoded)
    rehearse(ConstantDetector())


class _Bad(WordDetector):
    def __init__(self, answer: float | Exception | None) -> None:
        super().__init__()
        self._answer = answer

    def logits(self, batch: Sequence[Encoded]) -> list[float]:
        if isinstance(self._answer, Exception):
            raise self._answer
        return [] if self._answer is None else [self._answer] * len(batch)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (ValueError("no\nkernel"), "ValueError: no kernel"),
        (OutOfMemory("full"), "OutOfMemory: full"),
        (None, "0 logits for 1 texts"),
        (math.nan, "nan"),
    ],
)
def test_a_detector_that_fails_on_plain_words_is_refused(answer: float | Exception | None, said: str) -> None:
    with pytest.raises(DetectorError, match="words") as raised:
        rehearse(_Bad(answer))
    assert said in str(raised.value)
