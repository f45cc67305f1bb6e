from __future__ import annotations

from typing import Any

import msgspec
import pytest

from worker.detector.calibration import Calibration
from worker.judgement import Judgement
from worker.language import Language
from worker.reasons import Grounds, reasons
from worker.records import DetectorReading, SignalReading
from worker.settings import SignalSettings

CALIBRATION = Calibration(fitted=True, min_tokens=30, max_tokens=400, languages=("en", "de"))
READING = DetectorReading(
    name="d",
    digest="x",
    logit=2.0,
    probability=0.881,
    tokens=61,
    truncated=False,
    calibrated=True,
    threshold=0.81,
    false_positive_bound=0.01,
)
PASSED = Judgement("pass", 0.5, [], None)
RECORD = "What the detector said of this author's earlier posts within 30 days"
MEASURED = (
    "The detector gives 0.88 for this text; at most 1.0 % of human texts it was measured on score above 0.81."
)


def sentences(
    *signals: SignalReading,
    judgement: Judgement = PASSED,
    calibration: Calibration = CALIBRATION,
    settings: SignalSettings | None = None,
    lang: str | None = "en",
    told: bool = False,
    **reading: Any,
) -> tuple[str, ...]:
    said = msgspec.structs.replace(READING, **reading)
    return reasons(
        Grounds(said, signals, judgement, calibration, settings or SignalSettings(), Language(lang, told))
    )


def test_the_detector_comes_first_with_what_was_measured() -> None:
    assert sentences() == (MEASURED,)


def test_a_detector_without_a_measured_threshold_says_so() -> None:
    assert sentences(threshold=None) == (
        "The detector gives 0.88 for this text; how many human texts score as high was not measured.",
    )


@pytest.mark.parametrize(
    ("reading", "lang", "calibration", "why"),
    [
        ({}, "en", Calibration(), "it was never calibrated"),
        ({"tokens": 9}, "en", CALIBRATION, "the text has 9 tokens; it was calibrated from 30"),
        ({"tokens": 1}, "en", CALIBRATION, "the text has 1 token; it was calibrated from 30"),
        ({"tokens": 401}, "en", CALIBRATION, "the text has 401 tokens; it was calibrated up to 400"),
        ({}, "fr", CALIBRATION, "the post's language is fr; it was calibrated for en, de"),
        ({}, "pt-BR", CALIBRATION, "the post's language is pt-BR; it was calibrated for en, de"),
        ({}, "<script>alert(1)", CALIBRATION, "the post's language is another; it was calibrated for en, de"),
        ({}, "", CALIBRATION, "the post's language is another; it was calibrated for en, de"),
        (
            {},
            "en",
            Calibration(fitted=True),
            "the post's language is en; it was calibrated for no language",
        ),
    ],
)
def test_no_judgement_says_why(
    reading: dict[str, Any], lang: str, calibration: Calibration, why: str
) -> None:
    found = sentences(lang=lang, calibration=calibration, calibrated=False, **reading)
    assert found == (f"No judgement by the detector: {why}.",)


@pytest.mark.parametrize(
    ("lang", "why"),
    [("fr", "seems to be in fr"), ("und", "is in another script")],
)
def test_a_language_that_was_told_from_the_text_says_so(lang: str, why: str) -> None:
    assert sentences(lang=lang, told=True, calibrated=False) == (
        f"No judgement by the detector: the post states no language and {why}; it was calibrated for en, de.",
    )


def test_a_text_that_was_cut_says_so() -> None:
    assert sentences(truncated=True)[1] == "The text is longer; the detector saw its first 61 tokens."


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("account_age", 0.4, "The account was less than a day old when it posted."),
        ("account_age", 1.9, "The account was 1 day old when it posted."),
        ("account_age", 2.0, "The account was 2 days old when it posted."),
        ("follower_ratio", 0.0213, "The account has about 0.021 followers for each account that it follows."),
        ("posting_rate", 45.0, "The account posted 45 times within 1 hour, this post included."),
        ("posting_rate", 256.0, "The account posted 256 or more times within 1 hour, this post included."),
        ("duplicate_text", 7.0, "7 other accounts posted the same text within 24 hours."),
        ("duplicate_text", 1.0, "1 other account posted the same text within 24 hours."),
        ("duplicate_text", 256.0, "256 or more other accounts posted the same text within 24 hours."),
        ("near_duplicate", 3.0, "3 other accounts posted nearly the same text within 24 hours."),
        ("link_share", 0.615, "Links make up 62 % of the text."),
        (
            "author_record",
            0.517,
            f"{RECORD} leans towards a machine (tempered mean log-odds 0.52).",
        ),
        (
            "author_record",
            -0.5,
            f"{RECORD} leans towards a person (tempered mean log-odds -0.50).",
        ),
    ],
)
def test_each_signal_that_counted_has_its_sentence(name: str, value: float, sentence: str) -> None:
    assert sentences(SignalReading(name, value, 0.1)) == (MEASURED, sentence)
    assert sentences(SignalReading(name, value, 0.0)) == (MEASURED,)


@pytest.mark.parametrize(
    ("seconds", "span"), [(1, "1 second"), (5400, "5400 seconds"), (7200, "2 hours"), (172_800, "2 days")]
)
def test_windows_are_those_of_the_settings(seconds: int, span: str) -> None:
    settings = SignalSettings(rate_window_s=seconds)
    (_, sentence) = sentences(SignalReading("posting_rate", 9.0, 0.1), settings=settings)
    assert f"within {span}," in sentence


def test_what_is_missing_is_named_once() -> None:
    found = sentences(SignalReading("posting_rate", None, 0.0), SignalReading("account_age", None, 0.0))
    assert found == (MEASURED, "Not known: posting_rate, account_age.")


@pytest.mark.parametrize(
    ("judgement", "ending"),
    [
        (Judgement("label", 0.99, [], "limit"), "it stays at label."),
        (Judgement("pass", 0.99, [], "review"), "nothing is done."),
        (Judgement("abstain", 0.99, [], "label"), "no judgement is made."),
    ],
)
def test_what_held_an_action_down_is_told(judgement: Judgement, ending: str) -> None:
    (_, sentence) = sentences(judgement=judgement)
    assert sentence == (
        f"The score alone would mean {judgement.held}; without enough support beside it, {ending}"
    )
