"""What a threshold promises, shown by drawing from distributions whose shares are known."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from worker.lab.calibrating import Unseen, upper_bound
from worker.lab.calibration.promise import Method, humans_needed, most_above, promise
from worker.lab.calibration.threshold import Aim, counted, threshold_log_odds
from worker.lab.lines import CorpusError

METHODS: tuple[Method, ...] = ("clopper-pearson", "conformal")
RATE = 0.05
HUMANS = 310
TRIALS = 400


def humans(logits: np.ndarray[tuple[int], np.dtype[np.float64]], *families: str) -> Unseen:
    count = len(logits)
    names = np.array(
        [families[place % len(families)] for place in range(count)] if families else ["a"] * count
    )
    return Unseen(logits, np.zeros(count, bool), names, np.full(count, 50), np.ones(count))


@cache
def true_rates(method: Method) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The share of all human texts above the threshold, for many thresholds."""
    random = np.random.default_rng(7)
    aim = Aim(rate=RATE, confidence=0.9, method=method)
    cuts = [threshold_log_odds(humans(random.normal(size=HUMANS)), aim) for _ in range(TRIALS)]
    rates: np.ndarray[tuple[int], np.dtype[np.float64]] = norm.sf(np.array(cuts))
    return rates


def test_clopper_and_pearsons_threshold_keeps_the_rate_as_often_as_stated_and_hardly_more() -> None:
    kept = (true_rates("clopper-pearson") <= RATE).mean()
    # Whole numbers of texts make it keep the rate a little more often than asked.
    assert 0.87 <= kept <= 0.97


def test_the_conformal_threshold_keeps_the_rate_on_average_and_not_each_time() -> None:
    rates = true_rates("conformal")
    assert rates.mean() == pytest.approx(15 / (HUMANS + 1), abs=0.003)
    assert rates.mean() <= RATE
    assert (rates > RATE).mean() > 0.3


def test_how_many_human_texts_a_rate_takes() -> None:
    assert humans_needed("clopper-pearson", 0.01, 0.95) == 299
    assert humans_needed("conformal", 0.01, 0.95) == 99


@settings(deadline=None)
@given(st.sampled_from(METHODS), st.floats(0.001, 0.5), st.floats(0.5, 0.999))
def test_with_as_many_there_is_a_threshold_and_with_one_fewer_there_is_none(
    method: Method, rate: float, confidence: float
) -> None:
    needed = humans_needed(method, rate, confidence)
    assert most_above(method, needed, rate, confidence) == 0
    assert most_above(method, needed - 1, rate, confidence) is None


@settings(deadline=None)
@given(st.integers(300, 20_000), st.sampled_from([0.01, 0.03, 0.2]))
def test_no_more_may_be_above_than_the_bound_allows(count: int, rate: float) -> None:
    most = most_above("clopper-pearson", count, rate, 0.95)
    assert most is not None
    assert upper_bound(most, count) <= rate < upper_bound(most + 1, count)


def test_too_few_human_texts_are_told_with_their_number() -> None:
    with pytest.raises(CorpusError, match=r"298 human texts .* 1 % at 95 % confidence takes 299"):
        threshold_log_odds(humans(np.zeros(298)), Aim(rate=0.01))
    with pytest.raises(CorpusError, match=r"98 human texts .* 1 % takes 99"):
        threshold_log_odds(humans(np.zeros(98)), Aim(rate=0.01, method="conformal"))


def test_the_worst_family_sets_the_threshold_and_is_the_one_that_is_named() -> None:
    random = np.random.default_rng(3)
    logits = random.normal(size=2_000)
    logits[1::2] += 2.0
    both, aim = humans(logits, "calm", "wild"), Aim(rate=0.05)
    assert threshold_log_odds(both, aim) == threshold_log_odds(humans(logits[1::2]), aim)
    family, above, count, bound = counted(both, 2.0, fewest=200, confidence=0.95)
    assert (family, count) == ("wild", 1_000)
    assert bound == upper_bound(above, count)


def test_each_method_says_what_it_promises() -> None:
    assert "95 % confidence" in promise("clopper-pearson", 0.01, 0.95)
    assert "averaged" in promise("conformal", 0.01, 0.95)
