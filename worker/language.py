"""In which language a text is written, for posts that state none.

The identifier is py3langid (Lui and Baldwin 2012, "langid.py", in Barbaresi's maintained fork): naive Bayes
over byte n-grams, its model inside the package. What it says depends on the text and its version alone.
"""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from worker.detector.calibration import LanguageRule
from worker.errors import DetectorError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.detector.calibration import Calibration

IDENTIFIER: Final = "py3langid"
# Of 210 short posts in 21 other languages all reach it, of 7,732 English tweets 0.2 %
# (`python -m benchmarks.languages`).
MINIMUM: Final = 0.4
# More of a text hardly changes what is told of it, and costs time in proportion.
_MOST_CHARS: Final = 300
# A text without a language, and what platforms write for one that they could not tell.
_NONE: Final = frozenset({"zxx", "und", ""})
UNTOLD_SCRIPT: Final = "und"

# The scripts, as the first word of their letters' Unicode names, of the languages that the identifier knows
# and that are not written in Latin letters.
_LATIN: Final = frozenset({"LATIN"})
_SCRIPTS: Final[dict[str, frozenset[str]]] = {
    language: frozenset(scripts.split())
    for scripts, languages in {
        "CYRILLIC": "ba be bg kk ky mk mn ru tg tt uk",
        "CYRILLIC LATIN": "sr",
        "ARABIC": "ar ary arz fa ps sdh ug ur",
        "ARABIC LATIN": "ku",
        "HEBREW": "hbo he",
        "GREEK": "el grc",
        "ARMENIAN": "hy",
        "GEORGIAN": "ka",
        "ETHIOPIC": "am",
        "DEVANAGARI": "gom hi mr ne sa",
        "BENGALI": "as bn",
        "GUJARATI": "gu",
        "GURMUKHI": "pa",
        "KANNADA": "kn",
        "MALAYALAM": "ml",
        "ORIYA": "or",
        "SINHALA": "si",
        "TAMIL": "ta",
        "TELUGU": "te",
        "TIBETAN": "dz",
        "MYANMAR": "my",
        "KHMER": "km",
        "LAO": "lo",
        "THAI": "th",
        "HANGUL CJK": "ko",
        "HIRAGANA KATAKANA CJK IDEOGRAPHIC": "ja",
        "CJK IDEOGRAPHIC BOPOMOFO": "wuu yue zh",
    }.items()
    for language in languages.split()
}


class Identified(NamedTuple):
    """The most probable language as ISO 639 has it, None where there is nothing to tell it by."""

    code: str | None
    probability: float


class Language(NamedTuple):
    """A post's language.

    Attributes:
        code: as the post states it, else as told from the text; None where neither says.
        told: whether it was told from the text.
    """

    code: str | None
    told: bool


class LanguageTeller:
    """What language posts are in, as far as a calibration wants to know.

    Args:
        calibration: its rule tells how; without one only what a post states is known.

    Raises:
        DetectorError: the rule's identifier is not installed in the rule's version.
    """

    def __init__(self, calibration: Calibration) -> None:
        self._rule = calibration.languages_by
        self._languages = frozenset(calibration.languages)
        self._scripts = scripts_of(calibration.languages)
        if self._rule is not None:
            _check(self._rule)

    def language(self, stated: str | None, text: str) -> Language:
        """The post's language: the stated one, if any; another than the calibrated ones only if it is sure.

        A text whose letters are mostly of scripts in which no calibrated language is written has the language
        `und`, whatever else it may be.

        Args:
            stated: by the post.
            text: canonical.
        """
        if self._rule is None or (stated is not None and stated.lower() not in _NONE):
            return Language(stated, told=False)
        head = text[:_MOST_CHARS]
        if _is_foreign_script(head, self._scripts):
            return Language(UNTOLD_SCRIPT, told=True)
        code, probability = language_of(head)
        return Language(code if probability >= self._rule.minimum else None, told=True)


def language_of(text: str) -> Identified:
    """The most probable language of a text, and how probable it is.

    Raises:
        DetectorError: the identifier is not installed.
    """
    if not any(map(str.isalpha, text)):
        return Identified(None, 0.0)
    code, probability = _identifier().classify(text)
    # Rounded, so that it is the same on machines that add up in another order.
    return Identified(None if code in _NONE else code, round(probability, 4))


def known_languages() -> frozenset[str]:
    """The languages that the identifier can tell.

    Raises:
        DetectorError: the identifier is not installed.
    """
    return frozenset(_identifier().labels) - _NONE


def scripts_of(languages: Iterable[str]) -> frozenset[str]:
    """The scripts that languages are written in; Latin for those that nothing else is known of."""
    return frozenset().union(*(_SCRIPTS.get(language, _LATIN) for language in languages))


def current_rule(minimum: float = MINIMUM) -> LanguageRule:
    """The rule with the identifier that is installed.

    Raises:
        DetectorError: it is not installed.
    """
    return LanguageRule(identifier=IDENTIFIER, version=_installed(), minimum=minimum)


def _check(rule: LanguageRule) -> None:
    if rule.identifier != IDENTIFIER:
        raise DetectorError(
            f"detector: its calibration tells languages by {rule.identifier}, which this version does not "
            "know; update flagstaff, or calibrate the detector again"
        )
    if (installed := _installed()) != rule.version:
        raise DetectorError(
            f"detector: its calibration tells languages by {IDENTIFIER} {rule.version}, but {installed} is "
            f"installed; pip install {IDENTIFIER}=={rule.version}, or calibrate the detector again"
        )
    _identifier()


def _installed() -> str:
    try:
        return version(IDENTIFIER)
    except PackageNotFoundError:
        raise DetectorError(
            f"detector: telling a post's language needs the package {IDENTIFIER}: pip install {IDENTIFIER}"
        ) from None


@cache
def _identifier() -> Any:
    _installed()
    # Imported here: only some calibrations need it. It ships no type information.
    from py3langid.langid import (  # type: ignore[import-untyped]  # noqa: PLC0415
        MODEL_FILE,
        LanguageIdentifier,
    )

    try:
        return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    except OSError as error:
        raise DetectorError(
            f"detector: the model of {IDENTIFIER} can't be unpacked ({error.strerror}); set TMPDIR to a "
            "directory that can be written to"
        ) from None


def _is_foreign_script(text: str, scripts: frozenset[str]) -> bool:
    if text.isascii() and "LATIN" in scripts:
        return False
    letters = [letter for letter in text if letter.isalpha()]
    foreign = sum(_script(letter) not in scripts for letter in letters)
    return 2 * foreign > len(letters)


@lru_cache(maxsize=8_192)
def _script(letter: str) -> str:
    return unicodedata.name(letter, "").replace("-", " ").partition(" ")[0]
