from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.detector.calibration import Calibration
from worker.detector.linear import LinearDetector, LinearModel
from worker.detector.ngrams import NgramSpec, ngram_buckets, prepared

SPEC = NgramSpec(bits=12, max_chars=200)
WEIGHTS = np.random.default_rng(1).integers(-32_768, 32_767, SPEC.buckets, np.int16, endpoint=True)


def detector(
    weights: np.ndarray[tuple[int], np.dtype[np.int16]] = WEIGHTS,
    *,
    spec: NgramSpec = SPEC,
    scale: float = 1e-4,
    bias: float = 0.25,
    calibration: Calibration | None = None,
) -> LinearDetector:
    model = LinearModel(ngrams=spec, scale=scale, bias=bias)
    return LinearDetector("test", model, weights, calibration or Calibration())


def logits(texts: list[str]) -> list[float]:
    one = detector()
    return one.logits(one.encode(texts))


@given(st.lists(st.text(st.characters(codec=None), max_size=300), max_size=20))
def test_a_logit_is_the_same_to_the_last_bit_alone_and_in_any_batch(texts: list[str]) -> None:
    together = logits(texts)
    assert together == [logits([text])[0] for text in texts]
    assert together == logits(texts[::-1])[::-1]
    assert all(map(math.isfinite, together))


def test_a_logit_is_the_same_in_a_batch_that_is_worked_on_in_parts() -> None:
    texts = [f"post number {number} of many, as long as posts are" for number in range(2_000)]
    assert logits(texts) == [logits([text])[0] for text in texts]


@given(st.text(max_size=200))
def test_it_sums_weights_over_the_root_of_their_number(text: str) -> None:
    _, orders, [count] = ngram_buckets([prepared(text)], SPEC)
    weights = [int(WEIGHTS[bucket]) for buckets in orders for bucket in buckets if bucket < SPEC.buckets]
    assert len(weights) == count
    assert logits([text])[0] == pytest.approx(sum(weights) * 1e-4 / math.sqrt(count) + 0.25, abs=1e-12)


def test_extreme_weights_do_not_overflow() -> None:
    most = np.full(SPEC.buckets, 32_767, np.int16)
    one = detector(most, spec=NgramSpec(bits=12, max_chars=65_536), bias=0.0)
    text = "a" * 65_536
    count = sum(len(text) + 2 - order + 1 for order in range(1, 5))
    assert one.logits(one.encode([text])) == [pytest.approx(32_767e-4 * math.sqrt(count))]


def test_what_follows_the_longest_text_is_not_seen() -> None:
    one = detector()
    within, beyond = one.encode(["x" * 200, "x" * 200 + "yz"])
    assert (within.tokens, within.truncated) == (50, False)
    assert (beyond.tokens, beyond.truncated) == (50, True)
    assert one.logits([within]) == one.logits([beyond])


def test_an_empty_batch_and_an_empty_text_do_no_harm() -> None:
    assert logits([]) == []
    assert len(logits([""])) == 1


def test_the_digest_tells_apart_all_that_a_logit_depends_on() -> None:
    changed = WEIGHTS.copy()
    changed[7] += 1
    different = [
        detector(),
        detector(changed),
        detector(scale=2e-4),
        detector(bias=0.0),
        detector(spec=NgramSpec(bits=12, max_chars=201)),
        detector(spec=NgramSpec(bits=12, max_chars=200, longest=3)),
    ]
    assert len({one.digest for one in different}) == len(different)


def test_the_digest_names_the_calibration_but_not_how_numbers_lie_in_memory() -> None:
    assert detector().digest != detector(calibration=Calibration(fitted=True, slope=2.0)).digest
    assert detector().digest == detector(WEIGHTS.astype(">i2")).digest
