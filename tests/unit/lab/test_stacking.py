from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support.linear_checkpoint import linear_checkpoint
from worker.lab.calibrating import auroc
from worker.lab.corpus import Sample
from worker.lab.lines import CorpusError
from worker.lab.stacking import Combination, Words, fit_stack, logits_of_stack, words_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

COUNT = 600


def samples(authors: int = COUNT) -> list[Sample]:
    """Texts of humans and machines in turn, each of an author with one label."""
    return [
        Sample(
            text=f"text {number}",
            label="machine" if number % 2 else "human",
            source="made-up",
            author=f"{number % 2}-{number // 2 % authors}",
        )
        for number in range(COUNT)
    ]


def machines(made: list[Sample]) -> NDArray[np.bool_]:
    return np.array([one.is_machine for one in made])


def area(logits: NDArray[np.float64], machine: NDArray[np.bool_]) -> float:
    return auroc(logits[~machine], logits[machine])


def words(*columns: NDArray[np.float64], tokens: NDArray[np.int64] | None = None) -> Words:
    lengths = np.full(COUNT, 50) if tokens is None else tokens
    return Words(np.stack(columns, axis=1), lengths)


def test_members_that_fail_on_different_texts_are_better_together() -> None:
    made, random = samples(), np.random.default_rng(1)
    signal = machines(made).astype(float)
    one, other = (signal + random.normal(0, 1, COUNT) for _ in range(2))
    fitted = fit_stack(["one", "other"], words(one, 100 * other + 7), made, Combination())
    together = area(fitted.logits, machines(made))
    assert together > max(area(one, machines(made)), area(other, machines(made))) + 0.03
    first, second = fitted.stack.members
    assert (first.folder, second.folder) == ("one", "other")
    assert first.weight == pytest.approx(second.weight, rel=0.5)
    assert second.scale == pytest.approx(100 * float(np.std(other)), rel=0.01)


def test_a_member_that_guesses_gets_hardly_a_weight() -> None:
    made, random = samples(), np.random.default_rng(2)
    one = machines(made) + random.normal(0, 1, COUNT)
    fitted = fit_stack(["one", "noise"], words(one, random.normal(0, 1, COUNT)), made, Combination())
    first, noise = fitted.stack.members
    assert abs(noise.weight) < 0.25 * first.weight


def test_a_member_that_always_says_the_same_does_no_harm() -> None:
    made = samples()
    one = machines(made) + np.random.default_rng(3).normal(0, 1, COUNT)
    fitted = fit_stack(["one", "same"], words(one, np.full(COUNT, 4.0)), made, Combination())
    assert np.isfinite(fitted.logits).all()
    assert abs(fitted.stack.members[1].weight) < 1e-9


def test_no_logit_comes_from_weights_that_saw_the_author() -> None:
    # Each author has a column of its own: whoever was fitted on an author knows him, and nobody else.
    made = samples(authors=4)
    authors = sorted({str(one.author) for one in made})
    known = [np.array([float(one.author == author) for one in made]) for author in authors]
    fitted = fit_stack(authors, words(*known), made, Combination(penalty=1e-4))
    with_all = logits_of_stack(fitted.stack, words(*known))
    assert area(with_all, machines(made)) == 1.0
    assert area(fitted.logits, machines(made)) < 0.7


def test_weights_by_length_find_where_a_member_is_worth_something() -> None:
    made, random = samples(), np.random.default_rng(4)
    tokens = random.integers(5, 400, COUNT)
    long = np.log(tokens) > math.log(60)
    one = np.where(long, 3.0 * machines(made), 0.0) + random.normal(0, 1, COUNT)
    said = words(one, tokens=tokens)
    plain = fit_stack(["one"], said, made, Combination())
    fitted = fit_stack(["one"], said, made, Combination(by_length=True))
    assert plain.stack.length is None
    assert fitted.stack.members[0].by_length > 0.3
    assert fitted.stack.length is not None
    again = [fitted.stack.logit([logit], count) for logit, count in zip(one, tokens.tolist(), strict=True)]
    assert logits_of_stack(fitted.stack, said) == pytest.approx(again)


def test_the_same_texts_give_the_same_stack() -> None:
    made = samples()
    said = words(machines(made) + np.random.default_rng(5).normal(0, 1, COUNT))
    first, second = (fit_stack(["one"], said, made, Combination(), seed=3) for _ in range(2))
    assert first.stack == second.stack
    assert first.logits.tolist() == second.logits.tolist()


def test_texts_of_one_label_can_not_be_fitted_on() -> None:
    made = [one for one in samples() if one.is_machine]
    said = Words(np.zeros((len(made), 1)), np.ones(len(made), dtype=np.int64))
    with pytest.raises(CorpusError, match="only texts of a machine"):
        fit_stack(["one"], said, made, Combination())


def test_members_are_asked_about_every_text_in_order(tmp_path: Path) -> None:
    members = [linear_checkpoint(tmp_path / name, bias=bias) for name, bias in (("a", 0.0), ("b", 2.0))]
    texts = [f"text number {number} " * (number % 5) for number in range(70)]
    told: list[int] = []
    said = words_of(members, texts, told.append)
    assert said.logits.tolist() == [
        [member.logits(member.encode([text]))[0] for member in members] for text in texts
    ]
    assert said.tokens.tolist() == [members[0].encode([text])[0].tokens for text in texts]
    assert told == [32, 64, 70]
    assert words_of(members, []).logits.shape == (0, 2)
