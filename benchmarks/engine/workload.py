"""The posts that are scored: made-up texts whose lengths in tokens follow a stated law."""

from __future__ import annotations

import math
from typing import Final, Literal, NamedTuple, get_args

import numpy as np

from benchmarks.engine.checkpoint import MOST_TOKENS
from benchmarks.engine.words import BEGIN, END, FIRST_WORD, word

Lengths = Literal["lognormal", "short", "long"]
LENGTHS: Final[tuple[Lengths, ...]] = get_args(Lengths)
_MEDIAN, _SIGMA, _LEAST = 45, 1.0, 4
_SHORT: Final = (8, 24)
_LONG: Final = (384, MOST_TOKENS)
# What stands around the words of every text.
_FRAME: Final = 2


class Workload(NamedTuple):
    """Posts, both as texts and as what the tokenizer makes of them; equal places belong together.

    Attributes:
        texts: made-up words.
        ids: token ids, the first and the last of which frame the text.
    """

    texts: tuple[str, ...]
    ids: tuple[tuple[int, ...], ...]

    @property
    def lengths(self) -> list[int]:
        """Tokens of each post."""
        return [len(ids) for ids in self.ids]


def workload(lengths: Lengths, posts: int, vocabulary: int, seed: int) -> Workload:
    """Posts drawn at random; the same ones for the same arguments.

    `lognormal` lengths have a median of 45 tokens and a sigma of 1.0 and are clipped to 4 to 512; `short`
    ones are 8 to 24 tokens, `long` ones 384 to 512.
    """
    random = np.random.default_rng(seed)
    ids = tuple(
        (BEGIN, *random.integers(FIRST_WORD, vocabulary, length - _FRAME).tolist(), END)
        for length in _drawn(lengths, posts, random)
    )
    return Workload(tuple(" ".join(word(token) for token in one[1:-1]) for one in ids), ids)


def _drawn(lengths: Lengths, posts: int, random: np.random.Generator) -> list[int]:
    if lengths == "lognormal":
        drawn = np.exp(random.normal(math.log(_MEDIAN), _SIGMA, posts)).round().clip(_LEAST, MOST_TOKENS)
    else:
        least, most = _SHORT if lengths == "short" else _LONG
        drawn = random.integers(least, most, posts, endpoint=True)
    return [int(length) for length in drawn]
