"""Swaps and probes, sentence by sentence."""

from __future__ import annotations

from random import Random

import pytest

from worker.lab.bias.dialects import dialect_probes
from worker.lab.bias.learners import learner_probes
from worker.lab.bias.rewriting import by_rules, edits_between, rewritten, rule
from worker.lab.bias.swaps import swaps

ALL = {(one.of, one.name): one for one in (*swaps(), *dialect_probes(), *learner_probes())}


def rewrite(of: str, name: str, text: str, seed: int = 0) -> str:
    return rewritten(ALL[of, name], text, seed)


@pytest.mark.parametrize(
    ("of", "name", "before", "after"),
    [
        ("gender", "he to she", "He said his son hurt himself.", "She said her daughter hurt herself."),
        ("gender", "he to she", "HE and Mr Smith", "SHE and Ms Smith"),
        ("gender", "she to he", "She saw her. Her car, hers.", "He saw him. His car, his."),
        ("gender", "she to he", "I told her that her mother left", "I told him that his father left"),
        (
            "religion",
            "to Muslims",
            "A Christian man, two Jews and an Anglican.",
            "A Muslim man, two Muslims and an Anglican.",
        ),
        (
            "religion",
            "to Jews",
            "A Christian man met a Muslim. Hindus came.",
            "A Jewish man met a Jewish person. Jews came.",
        ),
        ("nationality", "to Americans", "A Russian spy and the Chinese", "An American spy and the American"),
        ("nationality", "to Chinese", "An American spy met Russians", "A Chinese spy met Chinese people"),
        (
            "nationality",
            "to Indians",
            "African American, Mexican-made, British",
            "African American, Mexican-made, Indian",
        ),
        (
            "dialect",
            "copula left out",
            "She is running late and he's at home.",
            "She running late and he at home.",
        ),
        (
            "dialect",
            "copula left out",
            "I know who he is. He's gone. It is late.",
            "I know who he is. He's gone. It is late.",
        ),
        (
            "dialect",
            "habitual be",
            "They are always here, he usually is late",
            "They be always here, he usually be late",
        ),
        (
            "dialect",
            "negative concord",
            "I don't know anything about anyone.",
            "I don't know nothing about no one.",
        ),
        ("dialect", "negative concord", "Not here. Any other day", "Not here. Any other day"),
        (
            "dialect",
            "ain't",
            "It isn't me, they\u2019re not here, I haven't",
            "It ain't me, they ain't here, I ain't",
        ),
        ("dialect", "plain verb", "She knows it doesn\u2019t. He goes", "She know it don't. He go"),
        (
            "dialect",
            "completive done",
            "I have already told you, they\u2019ve seen",
            "I done told you, they done seen",
        ),
        (
            "dialect",
            "all features",
            "She is always late and doesn't say anything",
            "She be always late and doesn't say nothing",
        ),
        ("learner", "plainer words", "a large vehicle, numerous issues", "a big vehicle, many problems"),
    ],
)
def test_it_rewrites(of: str, name: str, before: str, after: str) -> None:
    assert rewrite(of, name, before) == after


def test_names_are_swapped_one_for_one() -> None:
    text = "John met Mary. Mary told John that Zebulon had left"
    for whose in ("names of White Americans", "names of Black Americans"):
        words = rewrite("first name", f"to {whose}", text).replace(".", "").split()
        assert words[0] == words[5]
        assert words[2] == words[3]
        assert "Zebulon" in words
        assert not {"John", "Mary"} & set(words)


@pytest.mark.parametrize(
    ("name", "before", "possible"),
    [
        ("articles left out", "The cat saw a dog", {"The cat saw dog", "Cat saw a dog", "Cat saw dog"}),
        ("articles confused", "Give me a dog", {"Give me the dog"}),
        (
            "agreement",
            "He knows people are here",
            {"He know people are here", "He know people is here", "He knows people is here"},
        ),
        (
            "number",
            "Two cats and many glasses",
            {"Two cat and many glasses", "Two cats and many glasse", "Two cat and many glasse"},
        ),
        ("prepositions", "Go to him", {"Go for him"}),
        ("tense", "I went home", {"I go home"}),
    ],
)
def test_learners_errors_come_by_chance(name: str, before: str, possible: set[str]) -> None:
    found = {rewrite("learner", name, before, seed) for seed in range(40)}
    assert before in found
    assert found - {before} <= possible
    assert found - {before}


@pytest.mark.parametrize("key", list(ALL))
def test_it_depends_on_text_and_seed_alone_and_stands_any_text(key: tuple[str, str]) -> None:
    text = "She is never in the house; many people said John and Mary know a Christian American." * 3
    assert rewritten(ALL[key], text, 7) == rewritten(ALL[key], text, 7)
    for odd in ("", "a", "he's", "her", "\U0001f600 not any", "the", "n't any any any"):
        assert isinstance(rewritten(ALL[key], odd, 0), str)


def test_links_stay() -> None:
    text = "https://example.org/he @John #American"
    for key in (
        ("gender", "he to she"),
        ("nationality", "to Indians"),
        ("first name", "to names of Black Americans"),
    ):
        assert rewrite(*key, text) == text


def test_edits_are_places() -> None:
    assert edits_between("a b c d", "a b c d") == 0
    assert edits_between("a b c d", "a x y d") == 1
    assert edits_between("a b c d", "b c x d") == 2


def test_a_rule_has_a_chance_and_keeps_capitals() -> None:
    change = by_rules([rule(r"\bone\b", "two", share=0.5)])
    assert {change("One", Random(seed)) for seed in range(20)} == {"One", "Two"}  # noqa: S311 - it guards nothing
