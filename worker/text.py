"""The canonical form of a text, and its digest.

Two posts that a reader can't tell apart should be one text to the detector, the cache and the signals. What
is taken away is what people who evade filters add: invisible characters, other encodings of the same letter,
letters of another script that look alike. Case and punctuation stay: they are evidence.
"""

from __future__ import annotations

import re
import unicodedata
from hashlib import blake2b
from typing import Final

# Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt; it holds the zero-width, bidirectional
# and variation characters and, reserved for more of them, unassigned ones, so it does not change with
# Python's version of Unicode), the interlinear marks, and the control characters that are not white space.
_HIDDEN: Final = (
    "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_SURROGATES: Final = "\ud800-\udfff"

# Pairs from confusables.txt of Unicode Technical Standard 39 whose glyphs coincide in common sans-serif
# fonts; mu, which stands for "micro" in front of Latin letters, is left out.
_CYRILLIC: Final = dict(
    zip("аеорсухіјѕԛԝһԁӏАВЕКМНОРСТУХІЈЅԚԜҮёїЁЇ", "aeopcyxijsqwhdlABEKMHOPCTYXIJSQWYëïËÏ", strict=True)
)
_GREEK: Final = dict(zip("ανορυιγΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "avopuiyABEZHIKMNOPTYX", strict=True))  # noqa: RUF001 - as above
_FOLDED: Final = {ord(theirs): latin for theirs, latin in (_CYRILLIC | _GREEK).items()}
_LOOKALIKES: Final = "".join(map(chr, _FOLDED))

_HIDDEN_RUN: Final = re.compile(f"[{_HIDDEN}]+")
_SURROGATE: Final = re.compile(f"[{_SURROGATES}]")
_SUSPECT: Final = re.compile(f"[{_HIDDEN}{_SURROGATES}{_LOOKALIKES}]")
_LATIN: Final = re.compile("[A-Za-z\u00c0-\u024f]")
_LOOKALIKE: Final = re.compile(f"[{_LOOKALIKES}]")
# Letters of the two scripts that no Latin one looks like.
_GENUINE: Final = re.compile(f"(?![{_LOOKALIKES}μ])[Ͱ-Ͽἀ-῿Ѐ-ԯ]")
# A single Greek letter in a text about physics is what it is.
_DISGUISED: Final = re.compile(f"[{''.join(_CYRILLIC)}\u0300-\u036f]+|[{_LOOKALIKES}\u0300-\u036f]{{2,}}")
_WORD: Final = re.compile("[\\w\u0300-\u036f]+")

# Normalising sorts each run of combining marks in quadratic time, so a post of half a million accents would
# take hours. 30 is the bound of Unicode's Stream-Safe Text Format (UAX 15, section 13). Marks are no word
# characters, so this finds every run that is too long, and some emoji and punctuation, which are kept.
_MARKS_IN_A_ROW: Final = 30
_MAYBE_MARKS: Final = re.compile(f"[^\\w\\s\x00-\u02ff]{{{_MARKS_IN_A_ROW + 1},}}")


def canonical(text: str) -> str:
    """The text as the detector, the cache and the signals see it. Never fails; idempotent.

    NFKC; invisible and control characters gone; lone surrogates replaced by U+FFFD; Cyrillic and Greek
    lookalikes folded to Latin inside words that also hold Latin letters, and in words of nothing else where
    the text holds Latin letters and no Cyrillic or Greek one that can't be taken for Latin; at most 30
    combining marks in a row; each run of white space one space, none at the ends.
    """
    if text.isascii():
        if text.isprintable() and "  " not in text:
            return text.strip(" ")
        joined = " ".join(text.split())
        if joined.isprintable():
            return joined
    return _canonical(text)


def text_digest(canonical_text: str) -> str:
    """The digest of a canonical text: BLAKE2b with 16 bytes, as 32 hexadecimal digits."""
    return blake2b(canonical_text.encode(), digest_size=16).hexdigest()


def _canonical(text: str) -> str:
    if _SUSPECT.search(text):
        text = _HIDDEN_RUN.sub("", _SURROGATE.sub("\ufffd", text))
    text = _normalised(text)
    if _LOOKALIKE.search(text):
        # A folded letter may compose with the accent that follows it.
        folded = _WORD.sub(_fold, text)
        if _LATIN.search(folded) and not _GENUINE.search(folded):
            folded = _WORD.sub(_undisguise, folded)
        text = _normalised(folded)
    return " ".join(text.split())


def _normalised(text: str) -> str:
    if text.isascii():
        return text
    # The two halfwidth marks of Japanese are letters until they are normalised.
    text = text.replace("\uff9e", "\u3099").replace("\uff9f", "\u309a")
    bounded = _MAYBE_MARKS.sub(_shortened, text)
    normal = unicodedata.normalize("NFKC", bounded)
    # One character may stand for several marks, so the bound is kept on both sides.
    return normal if normal is bounded else _MAYBE_MARKS.sub(_shortened, normal)


def _shortened(match: re.Match[str]) -> str:
    kept: list[str] = []
    run = 0
    for character in match[0]:
        # Three Tibetan vowel signs are no marks themselves, but stand for two.
        first = unicodedata.normalize("NFKD", character)[0]
        run = run + 1 if unicodedata.combining(first) else 0
        if run <= _MARKS_IN_A_ROW:
            kept.append(character)
    return "".join(kept)


def _undisguise(match: re.Match[str]) -> str:
    return match[0].translate(_FOLDED) if _DISGUISED.fullmatch(match[0]) else match[0]


def _fold(match: re.Match[str]) -> str:
    word = match[0]
    return word.translate(_FOLDED) if _LATIN.search(word) and _LOOKALIKE.search(word) else word
