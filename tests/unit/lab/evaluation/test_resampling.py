from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest

from worker.lab.evaluation.resampling import Resampling, drawn, seed_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Ten authors with six posts each, and twenty documents with a human's and a machine's text.
CLUSTERS = [f"author {number // 6}" for number in range(60)] + [f"doc {number // 2}" for number in range(40)]
FAMILIES = ["posts"] * 60 + ["news"] * 40
MACHINE = np.array([number // 6 % 2 == 0 for number in range(60)] + [number % 2 == 0 for number in range(40)])


def resampling(seed: int = 0, draws: int = 50) -> Resampling:
    return Resampling(CLUSTERS, FAMILIES, MACHINE, draws=draws, seed=seed)


def weighted(times: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    return times @ values / len(values)


def test_texts_of_one_author_or_document_are_drawn_together() -> None:
    times = np.concatenate(list(resampling()))
    assert times.shape == (50, 100)
    for cluster in set(CLUSTERS):
        theirs = times[:, [one == cluster for one in CLUSTERS]]
        assert (theirs == theirs[:, :1]).all()
    assert times.max() > 1


def test_each_draw_has_as_many_of_each_kind() -> None:
    times = np.concatenate(list(resampling()))
    news = np.array(FAMILIES) == "news"
    assert (times[:, news].sum(axis=1) == 40).all()
    assert (times[:, MACHINE & ~news].sum(axis=1) == 30).all()


def test_the_seed_decides() -> None:
    first, again, other = (np.concatenate(list(resampling(seed))) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()
    assert seed_for(0, "a") == seed_for(0, "a") != seed_for(0, "b")
    assert seed_for(0, "a") != seed_for(1, "a")


def test_an_interval_holds_the_mean_as_often_as_it_says() -> None:
    """Of normal values in clusters of their own mean; one over single texts would hold far less often."""
    random = np.random.default_rng(0)
    clusters = [str(number // 4) for number in range(400)]
    machine = np.arange(400) // 4 % 2 == 0
    held = 0
    for trial in range(150):
        values = np.repeat(random.normal(size=100), 4) + random.normal(size=400) / 5
        draws = Resampling(clusters, ["one"] * 400, machine, draws=200, seed=trial)
        mean = drawn({"mean": partial(weighted, values=values)}, draws)["mean"]
        interval = mean.estimate(-9.0)
        held += interval.low <= 0 <= interval.high
    assert 135 <= held <= 149


@pytest.mark.parametrize(("humans", "enough"), [(4, False), (5, True)])
def test_from_few_clusters_nothing_can_be_told(humans: int, enough: bool) -> None:  # noqa: FBT001 - a case
    machine = np.arange(20) >= humans
    few = Resampling([str(number) for number in range(20)], ["one"] * 20, machine, draws=100, seed=0)
    assert few.enough is enough
    share = drawn({"share": lambda times: times @ (np.arange(20) % 2) / 20}, few)["share"].estimate()
    assert ((share.low, share.high) == (0.0, 1.0)) is not enough
    assert share.value == 0.5
