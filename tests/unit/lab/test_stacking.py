from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from msgspec.structs import replace

from tests.support.linear_checkpoint import linear_checkpoint
from worker.lab.calibrating import auroc
from worker.lab.corpus import Sample
from worker.lab.lines import CorpusError
from worker.lab.stacking import (
    Combination,
    GeneratorGroup,
    Words,
    beside,
    fit_stack,
    logits_of_stack,
    words_of,
)

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
    (alone,) = fitted.stack.sums
    assert (first.folder, second.folder) == ("one", "other")
    assert alone.weights[0] == pytest.approx(alone.weights[1], rel=0.5)
    assert alone.share == 1.0
    assert second.scale == pytest.approx(100 * float(np.std(other)), rel=0.01)


def test_a_member_that_guesses_gets_hardly_a_weight() -> None:
    made, random = samples(), np.random.default_rng(2)
    one = machines(made) + random.normal(0, 1, COUNT)
    fitted = fit_stack(["one", "noise"], words(one, random.normal(0, 1, COUNT)), made, Combination())
    weight, noise = fitted.stack.sums[0].weights
    assert abs(noise) < 0.25 * weight


def test_a_member_that_always_says_the_same_does_no_harm() -> None:
    made = samples()
    one = machines(made) + np.random.default_rng(3).normal(0, 1, COUNT)
    fitted = fit_stack(["one", "same"], words(one, np.full(COUNT, 4.0)), made, Combination())
    assert np.isfinite(fitted.logits).all()
    assert abs(fitted.stack.sums[0].weights[1]) < 1e-9


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
    assert fitted.stack.sums[0].by_length[0] > 0.3
    assert fitted.stack.length is not None
    again = [fitted.stack.logit([logit], count) for logit, count in zip(one, tokens.tolist(), strict=True)]
    assert logits_of_stack(fitted.stack, said) == pytest.approx(again)


def groups_of_two() -> tuple[list[Sample], Words]:
    """Machines of two generators; each member knows one and takes the other's texts for a human's."""
    made = [
        replace(one, generator=("early", "late")[number // 2 % 2]) if one.is_machine else one
        for number, one in enumerate(samples())
    ]
    random = np.random.default_rng(6)
    by = np.array([one.generator or "" for one in made])
    known = [
        np.where(by == own, 2.5, np.where(by == other, -2.5, 0.0)) + random.normal(0, 1, COUNT)
        for own, other in (("early", "late"), ("late", "early"))
    ]
    return made, words(*known)


def test_a_text_may_look_like_either_of_two_groups() -> None:
    made, said = groups_of_two()
    late = GeneratorGroup(name="late", generators=("late",))
    one_sum = fit_stack(["a", "b"], said, made, Combination())
    either = fit_stack(["a", "b"], said, made, Combination(groups=(late,)))
    assert [one.generators for one in either.stack.sums] == ["rest", "late"]
    assert [one.share for one in either.stack.sums] == [0.5, 0.5]
    assert area(one_sum.logits, machines(made)) < 0.6
    assert area(either.logits, machines(made)) > 0.85
    again = [
        either.stack.logit(row, count)
        for row, count in zip(said.logits.tolist(), said.tokens.tolist(), strict=True)
    ]
    assert logits_of_stack(either.stack, said) == pytest.approx(again)


def test_a_group_counts_by_how_many_generators_it_has_and_none_without_texts() -> None:
    made, said = groups_of_two()
    made = [
        replace(one, generator=f"early-{number % 3}") if one.generator == "early" else one
        for number, one in enumerate(made)
    ]
    groups = [GeneratorGroup(name=name, generators=(name,)) for name in ("late", "absent")]
    stack = fit_stack(["a", "b"], said, made, Combination(groups=tuple(groups))).stack
    assert [(one.generators, one.share) for one in stack.sums] == [("rest", 0.75), ("late", 0.25)]


def test_a_groups_kind_of_text_is_not_taken_for_its_machines() -> None:
    # The second member tells letters from the rest, and all texts of the late group's are letters.
    made, _ = groups_of_two()
    made = [
        replace(one, source="letters" if one.generator == "late" or number % 8 == 0 else "made-up")
        for number, one in enumerate(made)
    ]
    random = np.random.default_rng(7)
    letters = np.array([one.source == "letters" for one in made])
    of_kind = letters + random.normal(0, 0.1, COUNT)
    said = words(machines(made) * 2.0 + random.normal(0, 1, COUNT), of_kind)
    groups = (GeneratorGroup(name="late", generators=("late",)),)
    stack = fit_stack(["a", "kind"], said, made, Combination(groups=groups)).stack
    logits = logits_of_stack(stack, said)
    assert area(logits[letters], machines(made)[letters]) > 0.85
    assert float(np.median(logits[letters & ~machines(made)])) < 0.0


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


def test_linear_members_stand_before_the_others_and_count_tokens_too() -> None:
    made = [replace(one, text="x" * (4 * place + 1)) for place, one in enumerate(samples()[:3])]
    others = Words(np.array([[5.0], [6.0], [7.0]]), np.array([9, 1, 2]))
    together = beside([np.array([1.0, 2.0, 3.0])], made, others)
    assert together.logits.tolist() == [[1.0, 5.0], [2.0, 6.0], [3.0, 7.0]]
    assert together.tokens.tolist() == [9, 2, 3]
