"""A fingerprint of 64 bits that nearly equal texts nearly share (Charikar 2002).

The features are the distinct sequences of three characters of a text's normal form, in which case, digits,
punctuation, links, mentions and long runs of one letter are gone: what templates vary. Distinct, because a
text that repeats itself would otherwise be only its repetition.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np

from worker.signals.link_share import LINK

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

BITS: Final = 64
# A longer text is told by its beginning; a shorter normal form has too few features to tell texts apart.
LONGEST: Final = 4_000
SHORTEST: Final = 32

_MENTION: Final = re.compile(r"@\w+")
_NO_LETTER: Final = re.compile(r"[\W\d_]+")
_RUN: Final = re.compile(r"(.)\1{2,}")
_GRAM: Final = 3
# Bounds the working memory: 64 bytes a character.
_CHARACTERS_AT_ONCE: Final = 65_536


def normal_form(text: str) -> str:
    """What of a canonical text is compared."""
    text = text[:LONGEST].casefold()
    # Most texts hold neither links nor mentions, and looking for a short string costs next to nothing.
    if "://" in text or "www." in text:
        text = LINK.sub(" ", text)
    if "@" in text:
        text = _MENTION.sub(" ", text)
    return _RUN.sub(r"\1\1", _NO_LETTER.sub(" ", text)).strip()


def simhashes(texts: Sequence[str]) -> list[int | None]:
    """The fingerprint of each canonical text; None where its normal form is shorter than `SHORTEST`.

    A fingerprint depends on its own text alone.
    """
    forms = [normal_form(text) for text in texts]
    found: list[int | None] = [None] * len(texts)
    long_enough = [index for index, form in enumerate(forms) if len(form) >= SHORTEST]
    for part in _parts(long_enough, forms):
        for index, fingerprint in zip(part, _fingerprints([forms[index] for index in part]), strict=True):
            found[index] = fingerprint
    return found


def distance(one: int, other: int) -> int:
    """In how many bits two fingerprints differ."""
    return (one ^ other).bit_count()


def _parts(indices: Sequence[int], forms: Sequence[str]) -> Iterator[list[int]]:
    part: list[int] = []
    characters = 0
    for index in indices:
        if characters >= _CHARACTERS_AT_ONCE:
            yield part
            part, characters = [], 0
        part.append(index)
        characters += len(forms[index])
    if part:
        yield part


def _fingerprints(forms: Sequence[str]) -> list[int]:
    lengths = np.fromiter(map(len, forms), np.int64, len(forms))
    points = np.frombuffer("".join(forms).encode("utf-32-le"), np.uint32).astype(np.uint64)
    grams = (points[:-2] << np.uint64(42)) | (points[1:-1] << np.uint64(21)) | points[2:]
    owners = np.repeat(np.arange(len(forms), dtype=np.uint64), lengths)
    # Sequences that reach into the next text are no text's own. The owner stands in the upper 16 bits, so
    # that one sort brings equal sequences of one text together.
    inside = owners[:-2] == owners[2:]
    keyed = np.sort((owners[:-2][inside] << np.uint64(48)) | (_mixed(grams[inside]) >> np.uint64(16)))
    keyed = keyed[np.concatenate(([True], keyed[1:] != keyed[:-1]))]
    bits = np.unpackbits(_mixed(keyed << np.uint64(16)).astype(">u8").view(np.uint8).reshape(-1, 8), axis=1)
    starts = np.searchsorted(keyed, np.arange(len(forms), dtype=np.uint64) << np.uint64(48))
    ones = np.add.reduceat(bits, starts, axis=0, dtype=np.int32)
    counts = np.diff(starts, append=len(keyed))
    packed = np.packbits(2 * ones > counts[:, np.newaxis], axis=1)
    return [int(value) for value in packed.view(">u8").ravel()]


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014): every input bit reaches every output bit."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
