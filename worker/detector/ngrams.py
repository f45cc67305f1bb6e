"""Hashed character n-grams: the one feature function that training and the running detector share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import numpy as np
from msgspec import UNSET, Meta, Struct, UnsetType

from worker.detector.distortion import distorted
from worker.detector.links import masked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

_LINK_SIGN, _MENTION_SIGN = "\x01", "\x02"  # a canonical text holds no control characters

# Odd constants of the 32-bit FNV and Murmur3 hashes.
_BASE: Final = np.uint32(0x01000193)
_SPREAD: Final = np.uint32(0x9E3779B1)
_MIX_1: Final = np.uint32(0x85EBCA6B)
_MIX_2: Final = np.uint32(0xC2B2AE35)
# Characters handled at once: their arrays stay in the processor's cache.
_CHUNK: Final = 16_384


class NgramSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which n-grams are counted, and into how many buckets they are hashed.

    Attributes:
        shortest: characters of the shortest n-gram.
        longest: characters of the longest.
        bits: there are 2 ** bits buckets.
        max_chars: characters of a text that are read; what follows is not seen.
        kept_words: the words that stay when a text is distorted; unset where texts are read as they are.
    """

    shortest: Annotated[int, Meta(ge=1, le=8)] = 1
    longest: Annotated[int, Meta(ge=1, le=8)] = 4
    bits: Annotated[int, Meta(ge=8, le=24)] = 18
    max_chars: Annotated[int, Meta(ge=1, le=65_536)] = 16_384
    kept_words: tuple[str, ...] | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.shortest > self.longest:
            raise ValueError("`shortest` must not be above `longest`")

    @property
    def buckets(self) -> int:
        """How many buckets there are. As a bucket, this number means: no n-gram."""
        return 1 << self.bits


def prepared(text: str) -> str:
    """A canonical text as its n-grams are taken: lower case, links and mentions one sign each.

    The spaces around the text make its first and last characters n-grams of their own.
    """
    return f" {masked(text, link=_LINK_SIGN, mention=_MENTION_SIGN).lower()} "


def preparation(spec: NgramSpec) -> Callable[[str], str]:
    """What makes a canonical text ready for its n-grams: cut, prepared, and distorted where that is asked."""
    most = spec.max_chars
    if isinstance(spec.kept_words, UnsetType):
        return lambda text: prepared(text[:most])
    kept = frozenset(spec.kept_words)
    return lambda text: distorted(prepared(text[:most]), kept)


def chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """The texts in order, in runs of a size that is fast to work on."""
    begin = size = 0
    for index, text in enumerate(texts):
        size += len(text)
        if size >= _CHUNK:
            yield texts[begin : index + 1]
            begin, size = index + 1, 0
    if begin < len(texts):
        yield texts[begin:]


def ngram_buckets(
    texts: Sequence[str], spec: NgramSpec
) -> tuple[NDArray[np.int64], list[NDArray[np.int64]], NDArray[np.int64]]:
    """The bucket of every n-gram of prepared texts.

    Args:
        texts: one or more prepared texts.
        spec: which n-grams.

    Returns:
        Where each text begins among all characters, shape (texts,). For each length of n-gram the bucket of
        the one that begins at each character, shape (characters,), `spec.buckets` where none fits into its
        text. How many n-grams each text has, shape (texts,).
    """
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
    sizes = np.fromiter(map(len, texts), np.int64, len(texts))
    ends = np.cumsum(sizes)
    letters = codes * _SPREAD
    rolling = letters.copy()
    found: list[NDArray[np.int64]] = []
    counts = np.zeros(len(texts), np.int64)
    for order in range(1, spec.longest + 1):
        if order > 1:
            rolling[: 1 - order] *= _BASE
            rolling[: 1 - order] += letters[order - 1 :]
        if order < spec.shortest:
            continue
        mixed = (rolling ^ np.uint32(order)) * _MIX_1
        mixed ^= mixed >> np.uint32(15)
        mixed *= _MIX_2
        buckets = (mixed >> np.uint32(32 - spec.bits)).astype(np.int64)
        for short in range(1, order):
            # No n-gram begins here: it would run over the end of its text into the next one.
            buckets[np.maximum(ends - short, 0)] = spec.buckets
        found.append(buckets)
        counts += np.maximum(sizes - (order - 1), 0)
    return ends - sizes, found, counts
