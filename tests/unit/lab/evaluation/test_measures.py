from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from worker.lab.evaluation.measures import Ranking, balanced_accuracy, brier

RANDOM = np.random.default_rng(4)
MACHINE = RANDOM.random(300) < 0.4
# Rounded, so that some are equal.
LOGITS = np.round(RANDOM.normal(MACHINE * 1.0, 1.0), 1)
TIMES = RANDOM.integers(0, 4, (20, 300)).astype(np.float64)


def test_the_auroc_of_a_draw_is_that_of_the_texts_repeated() -> None:
    found = Ranking(LOGITS, MACHINE).auroc(TIMES)
    for draw, auroc in zip(TIMES.astype(int), found, strict=True):
        expected = roc_auc_score(np.repeat(MACHINE, draw), np.repeat(LOGITS, draw))
        assert auroc == pytest.approx(expected)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.0])
def test_what_is_found_at_a_rate_is_above_the_lowest_logit_that_keeps_it(share: float) -> None:
    found = Ranking(LOGITS, MACHINE).found_at(TIMES, share)
    for draw, value in zip(TIMES.astype(int), found, strict=True):
        human, machine = (
            np.repeat(LOGITS[~MACHINE], draw[~MACHINE]),
            np.repeat(LOGITS[MACHINE], draw[MACHINE]),
        )
        lowest = min(cut for cut in np.unique(LOGITS) if (human > cut).mean() <= share)
        assert value == pytest.approx((machine > lowest).mean())


def test_a_draw_without_a_label_has_no_figure() -> None:
    times = np.where(MACHINE, 0.0, 1.0)[None]
    assert np.isnan(Ranking(LOGITS, MACHINE).auroc(times)).all()
    assert np.isnan(Ranking(LOGITS, MACHINE).found_at(times, 0.05)).all()
    assert np.isnan(balanced_accuracy(times, MACHINE, LOGITS > 0)).all()


def test_balanced_accuracy_does_not_depend_on_how_many_there_are_of_either() -> None:
    above = LOGITS > 0.5
    more_machines = np.where(MACHINE, 5.0, 1.0)
    once, more = balanced_accuracy(np.stack([np.ones(300), more_machines]), MACHINE, above)
    assert once == pytest.approx(more)
    assert once == pytest.approx((above[MACHINE].mean() + (~above[~MACHINE]).mean()) / 2)


def test_the_brier_score_is_the_mean_square() -> None:
    machine = np.array([True, False])
    assert brier(np.array([[1.0, 1.0], [3.0, 1.0]]), np.array([0.5, 0.1]), machine) == pytest.approx(
        [0.13, 0.19]
    )
