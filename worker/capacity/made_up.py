"""Posts to measure with, where none are given: made-up words, with lengths of a stated law."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from worker.capacity.arrivals import token_lengths

if TYPE_CHECKING:
    from worker.capacity.scenario import Lengths

_SYLLABLES: Final = ("ba", "co", "du", "fe", "gi", "ka", "lo", "mi", "na", "po", "ra", "se", "ti", "vo")
_AUTHORS: Final = 997
_SEED: Final = 11


def made_up_posts(lengths: Lengths, count: int) -> list[bytes]:
    """Records of so many posts, no two texts alike, a word of four characters and a space for each token."""
    random = np.random.default_rng(_SEED)
    found = []
    for number, length in enumerate(token_lengths(lengths, count, random)):
        drawn = random.integers(0, len(_SYLLABLES), (int(length), 2))
        text = " ".join(_SYLLABLES[first] + _SYLLABLES[second] for first, second in drawn)
        post = {
            "id": f"p{number}",
            "text": f"{text} {number}",
            "lang": "en",
            "author": {
                "id": f"a{number % _AUTHORS}",
                "created_at": "2024-01-01T00:00:00Z",
                "followers": 120,
                "following": 80,
            },
        }
        found.append(msgspec.json.encode(post))
    return found
