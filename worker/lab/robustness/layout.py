"""Attacks on case and white space."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from worker.lab.rewording import outside_links
from worker.lab.robustness.attack import Attack

if TYPE_CHECKING:
    from random import Random

_PUNCTUATION: Final = re.compile(r"(?<=\w)([.,;:!?])(?=\s|$)")
_MARKS: Final = re.compile(r"[^\w\s]+")
_SPACES: Final = (" \n", "\n\n", "   ", "\t", "\u00a0", "\u2009 ")
_CASE_SHARE: Final = 0.1
_SPACE_SHARE: Final = 0.3
_JOINED_SHARE: Final = 0.1


def layout_attacks() -> tuple[Attack, ...]:
    """Case, white space and punctuation."""
    return (
        Attack("lower case", "All letters become small.", lambda text, _: outside_links(text, str.lower)),
        Attack("upper case", "All letters become capitals.", lambda text, _: outside_links(text, str.upper)),
        Attack("mixed case", "10 % of the letters change their case.", _mixed),
        Attack("wide spaces", "30 % of the spaces become several, others or line ends.", _spread),
        Attack("joined words", "10 % of the spaces go away.", _joined),
        Attack(
            "loose punctuation",
            "A space comes before each comma, full stop, colon, semicolon, question and exclamation mark.",
            lambda text, _: outside_links(text, lambda part: _PUNCTUATION.sub(r" \1", part)),
        ),
        Attack(
            "no punctuation",
            "All punctuation goes away.",
            lambda text, _: outside_links(text, lambda part: _MARKS.sub("", part)),
        ),
    )


def _mixed(text: str, random: Random) -> str:
    def change(part: str) -> str:
        return "".join(one.swapcase() if random.random() < _CASE_SHARE else one for one in part)

    return outside_links(text, change)


def _spread(text: str, random: Random) -> str:
    return "".join(
        random.choice(_SPACES) if one == " " and random.random() < _SPACE_SHARE else one for one in text
    )


def _joined(text: str, random: Random) -> str:
    return "".join("" if one == " " and random.random() < _JOINED_SHARE else one for one in text)
