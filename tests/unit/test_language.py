"""In which language a post is written, and when that makes a detector abstain."""

from __future__ import annotations

import msgspec
import pytest

from benchmarks.languages import abstained, foreign_posts
from worker.detector.calibration import Calibration, LanguageRule
from worker.errors import DetectorError
from worker.language import (
    Language,
    LanguageTeller,
    current_rule,
    known_languages,
    language_of,
    scripts_of,
)

ENGLISH = Calibration(fitted=True, languages=("en",), languages_by=current_rule())
POST = "The library closes at six today, so bring the books back before lunch."
GERMAN = "Warum schließt die Bibliothek eigentlich schon um sechs?"
POSTS = foreign_posts()


@pytest.mark.parametrize("language", POSTS)
def test_posts_in_other_languages_and_scripts_abstain(language: str) -> None:
    assert len(POSTS[language]) == 10
    assert abstained(POSTS[language]) == 1.0


def test_english_posts_do_not() -> None:
    posts = [
        POST,
        "lol ok",
        "haha no way 😂😂",
        "@sam see you at 5?",
        "https://t.co/abc",
        "",
        "12:30",
        "My favourite word is Привет, which means hello in Russian.",
        "We met at the café and it felt like déjà vu all over again",
    ]
    assert abstained(posts) == 0.0


def test_the_most_probable_language_comes_with_its_probability() -> None:
    code, probability = language_of(POST)
    assert code == "en"
    assert 0.9 < probability <= 1.0
    assert language_of(GERMAN).code == "de"
    assert language_of("😂 12 !") == (None, 0.0)


def test_what_the_post_states_wins() -> None:
    teller = LanguageTeller(ENGLISH)
    assert teller.language("en", GERMAN) == Language("en", told=False)
    assert teller.language("fr-CA", POST) == Language("fr-CA", told=False)
    # What platforms write where they could not tell states nothing.
    assert teller.language("und", GERMAN) == Language("de", told=True)


def test_without_a_rule_only_what_the_post_states_is_known() -> None:
    teller = LanguageTeller(Calibration(fitted=True, languages=("en",)))
    assert teller.language(None, GERMAN) == Language(None, told=False)


def test_a_guess_that_is_not_sure_enough_is_none() -> None:
    sure = msgspec.structs.replace(ENGLISH, languages_by=current_rule(1.0))
    assert LanguageTeller(sure).language(None, GERMAN) == Language(None, told=True)


def test_a_foreign_script_is_told_without_any_probability() -> None:
    sure = msgspec.structs.replace(ENGLISH, languages_by=current_rule(1.0))
    for language in ("ru", "ar", "zh", "ja", "ko", "hi", "el", "he", "th"):
        for post in POSTS[language]:
            assert LanguageTeller(sure).language(None, post) == Language("und", told=True)


@pytest.mark.parametrize("language", ["ru", "ja", "de"])
def test_a_detector_for_another_language_covers_it(language: str) -> None:
    assert abstained(POSTS[language], languages=(language,)) == 0.0
    assert abstained([POST], languages=(language,)) == 1.0


def test_languages_have_the_scripts_they_are_written_in() -> None:
    assert scripts_of(["en", "sr"]) == {"LATIN", "CYRILLIC"}
    assert {"en", "de", "zh"} <= known_languages()


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (LanguageRule(identifier="other", version="1", minimum=0.5), "languages by other"),
        (LanguageRule(identifier="py3langid", version="0.0.1", minimum=0.5), "py3langid==0.0.1"),
    ],
)
def test_another_identifier_than_the_calibrations_is_refused(rule: LanguageRule, said: str) -> None:
    with pytest.raises(DetectorError, match=said):
        LanguageTeller(msgspec.structs.replace(ENGLISH, languages_by=rule))
