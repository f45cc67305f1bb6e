"""Hides what a text is about, so that a detector learns how it is written.

Bots that imitate people post about what those people post about: a detector that learns topics then takes an
author whom it does not know for the one of its topic, of whichever label. Text distortion (Stamatatos 2017,
"Authorship Attribution Using Text Distortion") keeps the most frequent words of the language, spelled as
they are, and the length of all others.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

_WORD: Final = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_HIDDEN: Final = "*"


def words_in(texts: Iterable[str]) -> Iterable[str]:
    """The words of lower-case texts, in order."""
    for text in texts:
        yield from _WORD.findall(text)


def distorted(text: str, kept: Collection[str]) -> str:
    """A lower-case text with a sign for each character of every word that is not kept.

    Digits, punctuation, signs and spaces stay as they are, so the length does too.

    Args:
        text: the text.
        kept: the words that stay; a set, since each word is looked up.
    """
    return _WORD.sub(_hiding(kept), text)


def _hiding(kept: Collection[str]) -> Callable[[re.Match[str]], str]:
    def hide(word: re.Match[str]) -> str:
        found = word[0]
        return found if found in kept else _HIDDEN * len(found)

    return hide
