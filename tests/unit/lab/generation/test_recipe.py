from __future__ import annotations

import statistics
from collections import Counter

import pytest

from worker.errors import SettingsError
from worker.lab.generation.prompts import Prompt
from worker.lab.generation.recipe import Recipe, draft, parse_new_tokens, shuffled
from worker.lab.generation.sampling import Sampling

PURE, TOP_K, NUCLEUS = Sampling(), Sampling(top_k=40), Sampling(top_p=0.9)
MIX = Recipe(samplings=(PURE, TOP_K, NUCLEUS), new_tokens=(16, 200))


def test_a_draft_follows_from_seed_and_number() -> None:
    assert draft(MIX, 7) == draft(MIX, 7)
    assert len({draft(Recipe(seed=seed), number).seed for seed in range(20) for number in range(20)}) == 400


def test_seeds_are_read_alike_by_readers_that_know_doubles_alone() -> None:
    assert all(0 <= draft(MIX, number).seed < 2**53 for number in range(1_000))


def test_the_methods_of_a_mix_are_drawn_alike() -> None:
    drawn = Counter(draft(MIX, number).sampling for number in range(3_000))
    assert set(drawn) == {PURE, TOP_K, NUCLEUS}
    assert all(900 < count < 1_100 for count in drawn.values())


def test_a_method_that_stands_twice_is_drawn_twice_as_often() -> None:
    recipe = Recipe(samplings=(PURE, PURE, TOP_K))
    assert 1_900 < sum(draft(recipe, number).sampling == PURE for number in range(3_000)) < 2_100


def test_lengths_are_drawn_log_uniformly_from_end_to_end() -> None:
    lengths = [draft(MIX, number).most_new_tokens for number in range(5_000)]
    assert (min(lengths), max(lengths)) == (16, 200)
    # Half of them below the geometric mean of the ends.
    assert 53 < statistics.median(lengths) < 60
    assert {draft(Recipe(new_tokens=(9, 9)), number).most_new_tokens for number in range(99)} == {9}


def test_lengths_are_read() -> None:
    assert parse_new_tokens("60") == (60, 60)
    assert parse_new_tokens("16:200") == (16, 200)


@pytest.mark.parametrize("text", ["", "0", "-1", "x", "9:8", "0:8", ":8", "8:", "1:2:3", "1_0", "²"])
def test_other_lengths_are_one_clear_line(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--tokens .* is no length"):
        parse_new_tokens(text)


def test_prompts_are_shuffled_by_the_seed_whatever_their_order() -> None:
    prompts = [Prompt(text=str(number)) for number in range(50)]
    order = shuffled(prompts, 1)
    assert sorted(order, key=lambda one: int(one.text)) == prompts
    assert order == shuffled(prompts[::-1], 1)
    assert order not in (prompts, shuffled(prompts, 2))
