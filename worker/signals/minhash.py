"""A signature that texts share in about the share of what they have in common (MinHash: Broder 1997).

What is compared are the distinct sequences of three characters of a text's normal form, in which case,
digits, punctuation, links, mentions and long runs of one letter are gone: what templates vary. The chance
that two texts have the same least hash is the Jaccard similarity of their sequences; of each least hash one
byte is kept (Li and König 2010).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from worker.signals.link_share import LINK

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

# A longer text is told by its beginning; a shorter normal form has too few sequences to tell texts apart.
LONGEST: Final = 4_000
SHORTEST: Final = 32
# Texts meet in a band when they agree in all its hashes. With a Jaccard similarity J of their sequences they
# meet somewhere with the chance 1 - (1 - J ** 5) ** 5: 0.99 at 0.9, 0.86 at 0.8, 0.00005 at 0.1.
BANDS: Final = 5
ROWS: Final = 5
HASHES: Final = BANDS * ROWS

_MENTION: Final = re.compile(r"@\w+")
_NO_LETTER: Final = re.compile(r"[\W\d_]+")
_RUN: Final = re.compile(r"(.)\1{2,}")
# Bounds the working memory: some 500 bytes a character.
_CHARACTERS_AT_ONCE: Final = 32_768
_MASK: Final = 2**64 - 1


class Signature(NamedTuple):
    """What is kept of a text.

    Attributes:
        bands: for each band a number of 16 bits, the same for texts that agree in the band's hashes.
        bytes: one byte a hash, those of the first band first.
    """

    bands: tuple[int, ...]
    bytes: bytes


def normal_form(text: str) -> str:
    """What of a canonical text is compared."""
    text = text[:LONGEST].casefold()
    # Most texts hold neither links nor mentions, and looking for a short string costs next to nothing.
    if "://" in text or "www." in text:
        text = LINK.sub(" ", text)
    if "@" in text:
        text = _MENTION.sub(" ", text)
    return _RUN.sub(r"\1\1", _NO_LETTER.sub(" ", text)).strip()


def signatures(texts: Sequence[str]) -> list[Signature | None]:
    """The signature of each canonical text; None where its normal form is shorter than `SHORTEST`.

    A signature depends on its own text alone.
    """
    forms = [normal_form(text) for text in texts]
    found: list[Signature | None] = [None] * len(texts)
    for part in _parts(forms):
        for index, signature in zip(part, _signatures([forms[index] for index in part]), strict=True):
            found[index] = signature
    return found


def _parts(forms: Sequence[str]) -> Iterator[list[int]]:
    part: list[int] = []
    characters = 0
    for index, form in enumerate(forms):
        if len(form) < SHORTEST:
            continue
        part.append(index)
        characters += len(form)
        if characters >= _CHARACTERS_AT_ONCE:
            yield part
            part, characters = [], 0
    if part:
        yield part


def _signatures(forms: Sequence[str]) -> list[Signature]:
    lengths = np.fromiter(map(len, forms), np.int64, len(forms))
    points = np.frombuffer("".join(forms).encode("utf-32-le"), "<u4").astype(np.uint64)
    # A character has 21 bits, so three of them fill a number without loss. Those that reach into the next
    # text lie between one text's end and the next one's start.
    grams = _mixed((points[:-2] << np.uint64(42)) | (points[1:-1] << np.uint64(21)) | points[2:])
    ends = np.cumsum(lengths)
    inside = np.ones(len(points), np.bool_)
    inside[ends - 1] = inside[ends - 2] = False
    starts = np.concatenate(([0], np.cumsum(lengths - 2)[:-1]))
    hashed = grams[inside[:-2]][:, np.newaxis] * _FACTORS + _OFFSETS
    least = np.minimum.reduceat(hashed, starts, axis=0)
    bands = np.zeros((len(forms), BANDS), np.uint64)
    for row in range(ROWS):
        bands = _mixed(bands ^ least[:, row::ROWS])
    kept = _mixed(least).astype(np.uint8)
    numbers = (bands >> np.uint64(48)).tolist()
    return [Signature(tuple(numbers[place]), kept[place].tobytes()) for place in range(len(forms))]


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014): every input bit reaches every output bit."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _constants(seed: int) -> NDArray[np.uint64]:
    """The same numbers on every machine, in every version: they decide what meets in Redis."""
    steps = [(seed + 0x9E3779B97F4A7C15 * (number + 1)) & _MASK for number in range(HASHES)]
    return _mixed(np.array(steps, np.uint64))


# Hash i of a sequence is a times its mixed number plus b modulo 2 ** 64 (Dietzfelbinger et al. 1997), a odd.
_FACTORS: Final = _constants(1) | np.uint64(1)
_OFFSETS: Final = _constants(2)
