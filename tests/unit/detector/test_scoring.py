from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.detector.calibration import Calibration
from worker.detector.protocol import Encoded, OutOfMemory
from worker.detector.scoring import NoLogitError, Scorer
from worker.metrics import REGISTRY

if TYPE_CHECKING:
    from collections.abc import Sequence

BAD, NAN, SHORT = "bad", "nan", "short"


class LengthDetector:
    """The logit is the text's length. Raises on a marker, and has memory for so many tokens at once.

    Attributes:
        calls: the tokens of each call that was not refused for memory.
    """

    name = "length"
    digest = "length-1"
    calibration = Calibration()

    def __init__(self, memory: int = 10**9) -> None:
        self.memory = memory
        self.calls: list[int] = []

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        return [Encoded(text, len(text), truncated=False) for text in texts]

    def logits(self, batch: Sequence[Encoded]) -> list[float]:
        tokens = sum(one.tokens for one in batch)
        if tokens > self.memory:
            raise OutOfMemory(f"{tokens} tokens")
        self.calls.append(tokens)
        if any(BAD in one.payload for one in batch):
            raise ArithmeticError("a bad text")
        if any(SHORT in one.payload for one in batch):
            return []
        return [math.nan if NAN in one.payload else float(one.tokens) for one in batch]


def metric(name: str) -> float:
    return REGISTRY.get_sample_value(f"flagstaff_{name}") or 0.0


def scored(texts: Sequence[str], detector: LengthDetector, budget: int = 100) -> list[float | Exception]:
    return Scorer(detector, budget).score(detector.encode(texts))


@given(
    st.lists(st.sampled_from(["a" * 3, "a" * 9, "a" * 30, BAD, NAN, SHORT])),
    st.integers(1, 60),
    st.integers(1, 60),
)
def test_each_text_gets_its_own_logit_or_its_own_failure(texts: list[str], budget: int, memory: int) -> None:
    results = scored(texts, LengthDetector(memory), budget)
    assert len(results) == len(texts)
    for text, result in zip(texts, results, strict=True):
        if len(text) > memory:
            assert isinstance(result, OutOfMemory)
        elif text == BAD:
            assert isinstance(result, ArithmeticError)
        elif text in {NAN, SHORT}:
            assert isinstance(result, NoLogitError)
        else:
            assert result == len(text)


@given(st.lists(st.integers(1, 50).map("a".__mul__)), st.integers(1, 60))
def test_no_call_is_above_the_budget_unless_one_text_is(texts: list[str], budget: int) -> None:
    detector = LengthDetector()
    scored(texts, detector, budget)
    longest = max(map(len, texts), default=0)
    assert all(tokens <= max(budget, longest) for tokens in detector.calls)
    assert sum(detector.calls) == sum(map(len, texts))


def test_one_bad_text_of_256_is_found_in_few_calls() -> None:
    texts = ["fine"] * 256
    texts[77] = BAD
    detector = LengthDetector()
    results = scored(texts, detector, 10_000)
    assert [place for place, result in enumerate(results) if isinstance(result, Exception)] == [77]
    assert len(detector.calls) == 1 + 2 * math.log2(256)


def test_all_bad_texts_of_256_fail_each_by_itself() -> None:
    results = scored([BAD] * 256, LengthDetector(), 10_000)
    assert len({id(result) for result in results}) == 256
    assert all(isinstance(result, ArithmeticError) for result in results)


def test_without_memory_the_budget_is_halved_and_stays_so() -> None:
    detector = LengthDetector(memory=30)
    scorer = Scorer(detector, 100)
    before = metric("out_of_memory_total")
    batch = detector.encode(["a" * 10] * 20)
    assert scorer.score(batch) == [10.0] * 20
    assert scorer.token_budget == 25
    assert metric("token_budget") == 25
    assert metric("out_of_memory_total") == before + 2
    assert scorer.score(batch) == [10.0] * 20
    assert metric("out_of_memory_total") == before + 2


def test_a_batch_below_the_budget_that_does_not_fit_is_split_at_once() -> None:
    detector = LengthDetector(memory=30)
    scorer = Scorer(detector, 10**6)
    assert scorer.score(detector.encode(["a" * 10] * 4)) == [10.0] * 4
    assert scorer.token_budget == 20


def test_one_text_too_large_for_the_device_leaves_the_budget_alone() -> None:
    detector = LengthDetector(memory=30)
    scorer = Scorer(detector, 25)
    small, large, last = scorer.score(detector.encode(["a", "a" * 31, "a"]))
    assert (small, last) == (1.0, 1.0)
    assert isinstance(large, OutOfMemory)
    assert scorer.token_budget == 25


def test_an_empty_batch_calls_nothing() -> None:
    detector = LengthDetector()
    assert scored([], detector) == []
    assert detector.calls == []


def test_metrics_tell_budget_fill_and_tokens() -> None:
    tokens = metric("batch_tokens_total")
    fills = metric("batch_fill_count")
    full = metric("batch_fill_sum")
    scored(["a" * 40, "a" * 40, "a" * 40, "a" * 300], LengthDetector(), budget=100)
    assert metric("token_budget") == 100
    assert metric("batch_tokens_total") == tokens + 420
    assert metric("batch_fill_count") == fills + 3
    assert metric("batch_fill_sum") == pytest.approx(full + 0.8 + 0.4 + 1.0)


def test_an_interrupt_is_no_failure_of_a_text() -> None:
    class Interrupted(LengthDetector):
        def logits(self, batch: Sequence[Encoded]) -> list[float]:
            raise KeyboardInterrupt(len(batch))

    with pytest.raises(KeyboardInterrupt):
        scored(["a"], Interrupted())
