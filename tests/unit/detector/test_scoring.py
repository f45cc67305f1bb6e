from __future__ import annotations

import math
import time
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


class Numbers:
    """A detector of numbers: a payload is its own logit, or what `logits` does about it."""

    name = "numbers"
    digest = "numbers-1"
    calibration = Calibration()
    batch_tokens = 1_000
    on_gpu = False

    def __init__(self, memory: float = math.inf) -> None:
        self.memory = memory
        self.calls: list[int] = []

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        return [Encoded(float(text), 1, truncated=False) for text in texts]

    def logits(self, batch: Sequence[Encoded]) -> list[float]:
        tokens = sum(one.tokens for one in batch)
        self.calls.append(tokens)
        if tokens > self.memory:
            raise OutOfMemory(f"{tokens} tokens")
        for one in batch:
            if isinstance(one.payload, Exception):
                raise one.payload
        return [one.payload for one in batch]


def encoded(payload: object, tokens: int = 1) -> Encoded:
    return Encoded(payload, tokens, truncated=False)


def counted(metric: str) -> float:
    return REGISTRY.get_sample_value(metric) or 0.0


def as_told(results: Sequence[float | Exception]) -> list[object]:
    """Results with errors by their type."""
    return [type(one) if isinstance(one, Exception) else one for one in results]


PAYLOADS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.just(ValueError("bad")),
    st.just(math.nan),
    st.just(-math.inf),
)
ITEMS = st.lists(st.builds(encoded, PAYLOADS, st.integers(0, 40)), max_size=40)


@given(ITEMS, st.integers(1, 100), st.integers(1, 60))
def test_every_text_gets_its_own_result_in_order(batch: list[Encoded], budget: int, memory: int) -> None:
    expected: list[object] = []
    for one in batch:
        if one.tokens > memory:
            expected.append(OutOfMemory)
        elif isinstance(one.payload, ValueError):
            expected.append(ValueError)
        else:
            expected.append(one.payload if math.isfinite(one.payload) else NoLogitError)
    assert as_told(Scorer(Numbers(memory), budget).score(batch)) == expected


@given(ITEMS, st.integers(1, 100))
def test_no_call_is_above_the_budget_but_of_one_text(batch: list[Encoded], budget: int) -> None:
    detector = Numbers()
    Scorer(detector, budget).score(batch)
    sizes = {one.tokens for one in batch}
    assert all(tokens <= budget or tokens in sizes for tokens in detector.calls)


def test_a_batch_within_the_budget_is_one_call() -> None:
    detector = Numbers()
    assert Scorer(detector, 256).score([encoded(0.5)] * 256) == [0.5] * 256
    assert detector.calls == [256]


def test_one_bad_text_of_256_costs_a_bisection() -> None:
    detector = Numbers()
    batch = [encoded(ValueError("bad") if n == 77 else float(n)) for n in range(256)]
    results = Scorer(detector, 256).score(batch)
    assert [n for n, one in enumerate(results) if isinstance(one, ValueError)] == [77]
    assert [one for n, one in enumerate(results) if n != 77] == [float(n) for n in range(256) if n != 77]
    assert len(detector.calls) <= 2 * 8 + 1


def test_the_halved_budget_stays() -> None:
    detector = Numbers(memory=30)
    scorer = Scorer(detector, 100)
    before = counted("flagstaff_out_of_memory_total")
    assert scorer.score([encoded(1.0)] * 100) == [1.0] * 100
    assert scorer.token_budget == 25
    assert counted("flagstaff_out_of_memory_total") - before == 2
    assert counted("flagstaff_token_budget") == 25
    detector.calls.clear()
    scorer.score([encoded(1.0)] * 100)
    assert detector.calls == [25] * 4


def test_a_batch_below_the_budget_that_does_not_fit_halves_its_own_size() -> None:
    scorer = Scorer(Numbers(memory=10), 1_000)
    assert scorer.score([encoded(1.0)] * 16) == [1.0] * 16
    assert scorer.token_budget == 8


def test_a_text_too_large_for_the_device_is_its_own_failure_and_leaves_the_budget() -> None:
    scorer = Scorer(Numbers(memory=50), 40)
    results = scorer.score([encoded(1.0), encoded(2.0, tokens=60), encoded(3.0)])
    assert as_told(results) == [1.0, OutOfMemory, 3.0]
    assert scorer.token_budget == 40


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_wrong_number_of_logits_is_not_handed_on(count: int) -> None:
    class Miscounting(Numbers):
        def logits(self, batch: Sequence[Encoded]) -> list[float]:
            del batch
            return [0.0] * count

    results = Scorer(Miscounting(), 10).score([encoded(1.0), encoded(2.0)])
    assert as_told(results) == ([0.0, 0.0] if count == 1 else [NoLogitError] * 2)


def test_tokens_are_counted_once_for_what_was_scored() -> None:
    before = counted("flagstaff_batch_tokens_total")
    Scorer(Numbers(), 8).score([encoded(1.0, tokens=3)] * 5)
    assert counted("flagstaff_batch_tokens_total") - before == 15


def test_the_time_of_a_gpu_is_counted_and_that_of_a_cpu_is_not() -> None:
    class OnGpu(Numbers):
        on_gpu = True

    before = counted("flagstaff_gpu_seconds_total")
    Scorer(Numbers(), 8).score([encoded(1.0)] * 5)
    assert counted("flagstaff_gpu_seconds_total") == before
    begun = time.perf_counter()
    Scorer(OnGpu(), 8).score([encoded(1.0)] * 5)
    took = time.perf_counter() - begun
    assert 0 < counted("flagstaff_gpu_seconds_total") - before <= took


def test_an_interrupt_is_not_taken_for_a_bad_text() -> None:
    class Interrupted(Numbers):
        def logits(self, batch: Sequence[Encoded]) -> list[float]:
            raise KeyboardInterrupt(len(batch))

    with pytest.raises(KeyboardInterrupt):
        Scorer(Interrupted(), 8).score([encoded(1.0)])
