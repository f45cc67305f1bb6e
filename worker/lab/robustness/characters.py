"""Attacks on characters: a reader sees the same text, a program another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.lab.rewording import each_word, outside_links
from worker.lab.robustness.attack import Attack

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

# From confusables.txt of Unicode Technical Standard 39: what is seen most, and what filters forget.
_COMMON: Final = dict(zip("aceopsxyijhABCEHIKMOPSTXY", "асеорѕхуіјһАВСЕНІКМОРЅТХУ", strict=True))  # noqa: RUF001 - the lookalikes are the point
_RARE: Final = dict(zip("acghijlnoquw", "ɑϲɡհıϳΙոօզսԝ", strict=True))  # noqa: RUF001 - as above
_FULLWIDTH: Final = {chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)}
_ZERO_WIDTH: Final = "\u200b\u200c\u200d\u2060\ufeff"

_SHARE: Final = 0.3
_ZERO_WIDTH_SHARE: Final = 0.2


def character_attacks() -> tuple[Attack, ...]:
    """Lookalikes, other encodings and characters of no width."""
    return (
        Attack(
            "homoglyphs",
            "30 % of the letters that have a Cyrillic lookalike become it.",
            lambda text, random: _swapped(text, _COMMON, random),
        ),
        Attack(
            "homoglyph words",
            "Words all of whose letters have a Cyrillic lookalike are written in Cyrillic as a whole.",
            _words_swapped,
        ),
        Attack(
            "rare homoglyphs",
            "30 % of the letters that have a lookalike in the Armenian or Greek script or among phonetic "
            "letters become it.",
            lambda text, random: _swapped(text, _RARE, random),
        ),
        Attack(
            "fullwidth",
            "All letters, digits and punctuation become their fullwidth forms.",
            lambda text, random: _swapped(text, _FULLWIDTH, random, share=1.0),
        ),
        Attack(
            "zero width",
            "After 20 % of the characters comes one of five that have no width.",
            _with_zero_width,
        ),
    )


def _swapped(text: str, lookalikes: Mapping[str, str], random: Random, share: float = _SHARE) -> str:
    def change(part: str) -> str:
        return "".join(
            lookalikes[letter] if letter in lookalikes and random.random() < share else letter
            for letter in part
        )

    return outside_links(text, change)


def _words_swapped(text: str, random: Random) -> str:
    del random  # it changes all that it can
    return each_word(
        text, lambda word: "".join(_COMMON[one] for one in word) if set(word) <= set(_COMMON) else word
    )


def _with_zero_width(text: str, random: Random) -> str:
    return "".join(
        letter + random.choice(_ZERO_WIDTH) if random.random() < _ZERO_WIDTH_SHARE else letter
        for letter in text
    )
