"""A vocabulary of made-up words: each is one token, so that a text's length in tokens is known exactly."""

from __future__ import annotations

from itertools import product
from typing import Final

SPECIAL_TOKENS: Final = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
BEGIN, PADDING, END = 0, 1, 2
FIRST_WORD: Final = len(SPECIAL_TOKENS)

_SYLLABLES: Final = tuple("".join(pair) for pair in product("bdfghjklmnprstvwz", "aeiou"))
_WORDS: Final = tuple("".join(parts) for parts in product(_SYLLABLES, repeat=3))


def word(token: int) -> str:
    """The word of a token from `FIRST_WORD` up; no two tokens share one."""
    return _WORDS[token - FIRST_WORD]
