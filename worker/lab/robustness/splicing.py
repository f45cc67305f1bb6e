"""Attacks that put a human's words beside the machine's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from worker.lab.robustness.attack import Attack

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+")
_FEWEST_WORDS: Final = 4
_MOST_WORDS: Final = 40


def splicing_attacks(human_texts: Sequence[str]) -> tuple[Attack, ...]:
    """A sentence of a human's text at the end, or half of the text a human's.

    Args:
        human_texts: where they are taken from, at least one.
    """
    sentences = sorted({one for text in human_texts for one in _sentences(text)}) or sorted(human_texts)
    texts = sorted(human_texts)

    def appended(text: str, random: Random) -> str:
        return f"{text} {_other(sentences, text, random)}"

    def mixed(text: str, random: Random) -> str:
        human = _other(texts, text, random).split(" ")
        words = text.split(" ")
        half = (len(words) + 1) // 2
        return " ".join([*human[:half], *words[half:]])

    return (
        Attack("human sentence", "A sentence from a human text of the same kind comes at the end.", appended),
        Attack(
            "half human",
            "The first half of the words becomes as many first words of a human text of the same kind.",
            mixed,
        ),
    )


def _sentences(text: str) -> list[str]:
    found = _SENTENCE_END.split(text)
    return [one for one in found if _FEWEST_WORDS <= len(one.split()) <= _MOST_WORDS]


def _other(donors: Sequence[str], text: str, random: Random) -> str:
    """One that is not of the text itself, where there is another."""
    chosen = random.choice(donors)
    return chosen if chosen not in text else random.choice(donors)
