"""Calibrations from texts whose logits were drawn from known distributions."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from worker.detector.calibration import Calibration
from worker.lab.calibration.calibrate import Request, calibrate, check, threshold_at
from worker.lab.calibration.scaling import constant_line, line_by_length
from worker.lab.calibration.threshold import Aim
from worker.lab.calibration.weighing import unseen_of
from worker.lab.corpus import Sample
from worker.lab.lines import CorpusError

OLD = Calibration(fitted=True, languages=("en",))
REQUEST = Request(
    aim=Aim(rate=0.02), languages=("en",), languages_by=None, number_format=None, scale=True, seed=1
)


class Texts:
    """Texts of 20 to 320 tokens whose logits tell more the longer they are."""

    def __init__(self, count: int, seed: int = 0, machine: float = 0.5) -> None:
        random = np.random.default_rng(seed)
        self.tokens = np.exp(random.uniform(np.log(20), np.log(320), count)).astype(np.int64)
        size = np.log(self.tokens)
        self.machine = random.random(count) < machine
        # Two normal distributions of the same width: the true log-odds are 2 * mean * logit.
        self.logits = random.normal(np.where(self.machine, 1, -1) * size / 4, 1.0)
        self.log_odds = size / 2 * self.logits
        self.samples = [
            Sample(text=f"{seed} {place}", label="machine" if machine else "human", source="made", lang="en")
            for place, machine in enumerate(self.machine)
        ]

    def calibrated(self, old: Calibration = OLD, **changed: Any) -> Any:
        request = msgspec.structs.replace(REQUEST, **changed)
        return calibrate(self.samples, self.logits, self.tokens, old, request)


MANY = Texts(8_000)
FOUND = MANY.calibrated()


def test_slope_and_intercept_are_those_the_texts_were_drawn_by_at_every_length() -> None:
    calibration = FOUND.calibration
    for tokens in (25, 60, 150, 300):
        for logit in (-1.0, 0.0, 2.0):
            assert calibration.log_odds(logit, tokens) == pytest.approx(np.log(tokens) / 2 * logit, abs=0.3)


def test_the_probabilities_are_right_at_every_length_as_those_before_were_not() -> None:
    for one in FOUND.figures:
        assert one.error < one.error_by_chance < 0.1
    whole = FOUND.figures[0]
    assert whole.error <= 0.03 < whole.error_before


def test_without_lengths_the_line_is_the_same_for_all() -> None:
    calibration = MANY.calibrated(by_length=False).calibration
    assert not calibration.by_length
    assert calibration.log_odds(1.0, 20) == calibration.log_odds(1.0, 300)


def test_lengths_of_one_size_leave_nothing_to_depend_on() -> None:
    unseen = unseen_of(MANY.samples, MANY.logits, np.full(len(MANY.samples), 50))
    assert line_by_length(unseen, 50, 50) == constant_line(unseen)


def test_the_slope_stays_above_zero_whatever_the_texts_say() -> None:
    short = MANY.tokens < 80
    unseen = unseen_of(MANY.samples, np.where(short, -MANY.logits, MANY.logits), MANY.tokens)
    line = line_by_length(unseen, 20, 320)
    assert all(line.slope + line.slope_by_length * np.log(tokens) > 0 for tokens in (20, 79, 320))


def test_how_long_texts_of_either_kind_are_is_no_evidence() -> None:
    keep = ~MANY.machine | (MANY.tokens > 80) | (np.arange(len(MANY.tokens)) % 5 == 0)
    fewer = [sample for sample, kept in zip(MANY.samples, keep, strict=True) if kept]
    found = calibrate(fewer, MANY.logits[keep], MANY.tokens[keep], OLD, REQUEST).calibration
    assert found.log_odds(0.0, 30) == pytest.approx(0.0, abs=0.3)


def test_the_bound_is_of_texts_that_set_nothing_and_close_to_the_rate() -> None:
    found = FOUND
    assert found.calibration.false_positive_bound == found.counted.bound
    assert found.counted.human == pytest.approx(2_000, rel=0.1)
    assert found.counted.above / found.counted.human <= 0.02
    assert found.counted.bound < 0.03
    assert found.figures[0].wrongly == pytest.approx(found.counted.above / found.counted.human)
    assert found.figures[0].found > 0.3


def test_a_share_of_machines_moves_every_probability_alike_and_flags_the_same_texts() -> None:
    half, few = FOUND, MANY.calibrated(machine_share=0.1)
    moved = few.calibration.log_odds(1.0, 70) - half.calibration.log_odds(1.0, 70)
    assert moved == pytest.approx(np.log(1 / 9))
    assert few.counted == half.counted
    assert few.calibration.threshold < half.calibration.threshold
    assert few.figures[0].error <= 0.03


def test_human_texts_alone_set_the_threshold_and_leave_the_probabilities() -> None:
    old = msgspec.structs.replace(FOUND.calibration, threshold=None)
    found = Texts(4_000, seed=3, machine=0.0).calibrated(old, scale=False)
    assert found.calibration.log_odds(1.0, 70) == old.log_odds(1.0, 70)
    assert found.calibration.threshold is not None
    assert found.calibration.min_tokens >= old.min_tokens
    assert found.calibration.max_tokens <= old.max_tokens
    assert found.figures[0].found is None


def test_human_texts_alone_do_not_make_probabilities_of_logits() -> None:
    found = Texts(4_000, seed=3, machine=0.0).calibrated(Calibration(), scale=False)
    assert not found.calibration.fitted
    assert found.calibration.threshold is not None


def test_posts_that_came_to_review_set_no_threshold_where_there_are_others() -> None:
    reviewed = Texts(1_000, seed=5, machine=0.0)
    samples = [msgspec.structs.replace(one, source="reviewed") for one in reviewed.samples]
    logits = np.concatenate([MANY.logits, np.full(1_000, 1.5)])
    tokens = np.concatenate([MANY.tokens, reviewed.tokens])
    with_them = calibrate([*MANY.samples, *samples], logits, tokens, OLD, REQUEST)
    # About a quarter of them would be counted too.
    assert with_them.counted.human == pytest.approx(FOUND.counted.human, abs=50)


def test_random_halves_keep_the_rate() -> None:
    calibration = FOUND.calibration
    done: list[int] = []
    halves = check(
        MANY.samples,
        MANY.logits,
        MANY.tokens,
        calibration,
        request=REQUEST,
        count=20,
        done=done.append,
    )
    assert (halves.count, done[-1]) == (20, 20)
    assert halves.kept >= 14
    assert halves.not_refuted >= 18
    assert halves.mean < 0.02 < halves.worst + 0.005


def test_the_same_seed_gives_the_same_calibration_and_another_one_another() -> None:
    assert MANY.calibrated() == FOUND
    assert MANY.calibrated(seed=2).calibration != FOUND.calibration


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (Texts(30), "human and .* machine texts of like length"),
        (Texts(2_000, machine=0.0), "at least 20 of each"),
        (Texts(600), "no length of text"),
    ],
)
def test_too_few_texts_are_told(texts: Texts, said: str) -> None:
    with pytest.raises(CorpusError, match=said):
        texts.calibrated(aim=Aim(rate=0.1))


@pytest.mark.parametrize("log_odds", [-40.0, -0.1, 0.0, 2.345678, 20.0])
def test_no_log_odds_exceed_the_threshold_that_they_set(log_odds: float) -> None:
    threshold = threshold_at(log_odds)
    assert Calibration(threshold=threshold).threshold_log_odds >= log_odds
    assert threshold == pytest.approx(1 / (1 + np.exp(-log_odds)))
