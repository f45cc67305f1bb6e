"""Which languages a calibration is for, and which texts are in them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from worker.detector.calibration import Calibration
from worker.errors import SettingsError
from worker.lab.calibrating import ENOUGH_HUMANS
from worker.language import LanguageTeller, known_languages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.detector.calibration import LanguageRule
    from worker.lab.corpus import Sample


def languages_of(
    samples: Sequence[Sample], asked: Sequence[str], old: Calibration, rule: LanguageRule | None
) -> tuple[str, ...]:
    """The languages asked for, else those that at least 200 human texts state, else the old calibration's.

    Args:
        samples: the texts.
        asked: by the user, as ISO 639 has them.
        old: the calibration that there is.
        rule: how languages are told of posts that state none, or None.

    Raises:
        SettingsError: nobody says which, or the identifier can't tell one of them.
    """
    stated = Counter(
        sample.lang.split("-")[0].lower() for sample in samples if sample.lang and not sample.is_machine
    )
    found = tuple(language for language, count in stated.most_common() if count >= ENOUGH_HUMANS)
    languages = tuple(one.lower() for one in asked) or found or old.languages
    if not languages:
        raise SettingsError(
            "calibrate: the texts do not say in which language they are (`lang`, in at least "
            f"{ENOUGH_HUMANS} human ones); name it with --language"
        )
    if rule is not None and (unknown := [one for one in languages if one not in known_languages()]):
        raise SettingsError(
            f"calibrate: {rule.identifier} can't tell the language {unknown[0]!r}; name it as ISO 639 has it "
            "(en), or add --no-language-identifier"
        )
    return languages


def in_languages(
    samples: Sequence[Sample], languages: tuple[str, ...], rule: LanguageRule | None
) -> list[Sample]:
    """The texts on which a worker with such a calibration would not abstain for their language."""
    calibration = Calibration(fitted=True, languages=languages, languages_by=rule)
    teller = LanguageTeller(calibration)
    return [
        sample
        for sample in samples
        if calibration.covers(tokens=0, lang=teller.language(sample.lang, sample.text).code)
    ]
