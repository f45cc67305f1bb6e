"""Attacks on words: others in their place, some missing, some twice."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from worker.lab.rewording import outside_links, replaced
from worker.lab.robustness.attack import Attack
from worker.lab.robustness.synonyms import SYNONYMS

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

_ARTICLE: Final = re.compile(r"\b(?:an?|the) (?=[A-Za-z])", re.IGNORECASE)
_SHARE: Final = 0.1


def wording_attacks() -> tuple[Attack, ...]:
    """Synonyms, words left out and words doubled."""
    return (
        Attack(
            "synonyms",
            f"Each of {len(SYNONYMS)} frequent words becomes another that can mostly stand for it.",
            _with_synonyms,
        ),
        Attack(
            "articles deleted",
            "Half of the articles go away.",
            lambda text, random: outside_links(
                text, lambda part: _ARTICLE.sub(lambda one: "" if random.random() < 1 / 2 else one[0], part)
            ),
        ),
        Attack(
            "words deleted",
            "10 % of the words go away.",
            lambda text, random: _word_by_word(text, random, lambda _: ()),
        ),
        Attack(
            "words doubled",
            "10 % of the words stand twice.",
            lambda text, random: _word_by_word(text, random, lambda word: (word, word)),
        ),
    )


def _with_synonyms(text: str, random: Random) -> str:
    def other(word: str) -> str | None:
        others = SYNONYMS.get(word)
        return None if others is None else random.choice(others)

    return replaced(text, other)


def _word_by_word(text: str, random: Random, change: Callable[[str], tuple[str, ...]]) -> str:
    words: list[str] = []
    for word in text.split(" "):
        words.extend(change(word) if random.random() < _SHARE else (word,))
    return " ".join(words)
