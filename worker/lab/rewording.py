"""Changes of English texts word by word."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

# Links, mentions and hashtags stay as they are.
_FIXED: Final = re.compile(r"(?:https?://|www\.)\S+|[@#]\w+")
_LETTERS: Final = "[A-Za-z]+(?:['\u2019][A-Za-z]+)*"
WORD: Final = re.compile(_LETTERS)
_WITH_ARTICLE: Final = re.compile(rf"\b(?:([Aa])n? )?({_LETTERS})")
_VOWEL: Final = re.compile(r"[aeiou]|hour|honest|heir")
# Written with a vowel, spoken with a consonant.
_NO_VOWEL: Final = re.compile(r"one\b|once|eu|uni(?!m|n)|us[aeu]|ut[ei]")


def outside_links(text: str, change: Callable[[str], str]) -> str:
    """What stands between links, mentions and hashtags changed, piece by piece."""
    changed = []
    begin = 0
    for fixed in _FIXED.finditer(text):
        changed += [change(text[begin : fixed.start()]), fixed[0]]
        begin = fixed.end()
    return "".join([*changed, change(text[begin:])])


def each_word(text: str, change: Callable[[str], str]) -> str:
    """Each word of Latin letters, with what has an apostrophe in it, changed."""
    return outside_links(text, lambda part: WORD.sub(lambda match: change(match[0]), part))


def replaced(text: str, other: Callable[[str], str | None]) -> str:
    """Words replaced, their capitals kept; an `a` or `an` in front of one fits the new word.

    Args:
        text: the text.
        other: from a word in lower case, with a straight apostrophe, to what stands for it; None: it stays.
    """

    def change(match: re.Match[str]) -> str:
        article, word = match[1], match[2]
        new = other(plain(word))
        if new is None:
            return match[0]
        new = in_case_of(new, word)
        return f"{article}{'n' if starts_with_vowel(new) else ''} {new}" if article else new

    return outside_links(text, lambda part: _WITH_ARTICLE.sub(change, part))


def plain(word: str) -> str:
    """A word as tables have it: in lower case, with a straight apostrophe."""
    return word.lower().replace("\u2019", "'")


def in_case_of(word: str, model: str) -> str:
    """A word with the capitals of another one: all of them, the first, or its own."""
    if len(model) > 1 and model.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if model[:1].isupper() else word


def starts_with_vowel(word: str) -> bool:
    """Whether `an` stands before it, as far as its spelling tells."""
    small = word.lower()
    return _VOWEL.match(small) is not None and _NO_VOWEL.match(small) is None
