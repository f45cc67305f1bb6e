"""Why a post was decided as it was: plain sentences that claim no more than is known."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from worker.language import UNTOLD_SCRIPT
from worker.signals.duplicate_text import MOST as MOST_AUTHORS
from worker.signals.posting_rate import MOST as MOST_POSTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.detector.calibration import Calibration
    from worker.judgement import Judgement
    from worker.language import Language
    from worker.records import DetectorReading, SignalReading
    from worker.settings import SignalSettings

_DAY_S: Final = 86_400
_HOUR_S: Final = 3_600
# A post's language is whatever its producer wrote: only what looks like a language tag is repeated.
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}")


class Grounds(NamedTuple):
    """What the sentences are made of.

    Attributes:
        reading: the detector's reading.
        signals: the signals' readings.
        judgement: what the policy made of them.
        calibration: the detector's.
        settings: over which time signals look.
        language: the post's.
    """

    reading: DetectorReading
    signals: Sequence[SignalReading]
    judgement: Judgement
    calibration: Calibration
    settings: SignalSettings
    language: Language


def reasons(grounds: Grounds) -> tuple[str, ...]:
    """The sentences: the detector, signals that added or took away, what held the action, what is missing."""
    sentences = [_detector(grounds)]
    if grounds.reading.truncated:
        sentences.append(f"The text is longer; the detector saw its first {grounds.reading.tokens} tokens.")
    for signal in grounds.signals:
        if signal.value is not None and signal.contribution:
            window = _WINDOWS.get(signal.name)
            within = "" if window is None else f"within {_span(getattr(grounds.settings, window))}"
            if sentence := signal_sentence(signal.name, signal.value, within):
                sentences.append(sentence)
    if grounds.judgement.held is not None:
        done = {"pass": "nothing is done", "abstain": "no judgement is made"}
        action = grounds.judgement.action
        sentences.append(
            f"The score alone would mean {grounds.judgement.held}; without enough support beside it, "
            f"{done.get(action, f'it stays at {action}')}."
        )
    if missing := [signal.name for signal in grounds.signals if signal.value is None]:
        sentences.append(f"Not known: {', '.join(missing)}.")
    return tuple(sentences)


def signal_sentence(name: str, value: float, within: str) -> str | None:
    """What a signal saw; None of a signal that is not known here.

    Args:
        name: the signal's.
        value: what it read.
        within: over which time it looks, in words; used where it looks over any.
    """
    tell = _TOLD.get(name)
    return None if tell is None else tell(value, within)


def _detector(grounds: Grounds) -> str:
    reading = grounds.reading
    if not reading.calibrated:
        return f"No judgement by the detector: {_out_of_range(grounds)}."
    sentence = f"The detector gives {reading.probability:.2f} for this text"
    if reading.threshold is None or reading.false_positive_bound is None:
        return f"{sentence}; how many human texts score as high was not measured."
    return (
        f"{sentence}; at most {100 * reading.false_positive_bound:.1f} % of human texts it was measured on "
        f"score above {reading.threshold:.2f}."
    )


def _out_of_range(grounds: Grounds) -> str:
    calibration, tokens = grounds.calibration, grounds.reading.tokens
    if not calibration.fitted:
        return "it was never calibrated"
    if tokens < calibration.min_tokens:
        return f"the text has {_count(tokens, 'token')}; it was calibrated from {calibration.min_tokens}"
    if calibration.max_tokens is not None and tokens > calibration.max_tokens:
        return f"the text has {_count(tokens, 'token')}; it was calibrated up to {calibration.max_tokens}"
    known = ", ".join(calibration.languages) or "no language"
    lang, told = grounds.language
    named = lang if lang is not None and _LANGUAGE.fullmatch(lang) else "another"
    if not told:
        return f"the post's language is {named}; it was calibrated for {known}"
    if lang == UNTOLD_SCRIPT:
        return f"the post states no language and is in another script; it was calibrated for {known}"
    return f"the post states no language and seems to be in {named}; it was calibrated for {known}"


def _account_age(days: float, _: str) -> str:
    age = "less than a day" if days < 1 else _count(int(days), "day")
    return f"The account was {age} old when it posted."


def _follower_ratio(ratio: float, _: str) -> str:
    return f"The account has about {ratio:.2g} followers for each account that it follows."


def _posting_rate(posts: float, within: str) -> str:
    more = " or more" if posts >= MOST_POSTS else ""
    return f"The account posted {posts:.0f}{more} times {within}, this post included."


def _duplicate_text(others: float, within: str) -> str:
    return f"{_others(others)} posted the same text {within}."


def _near_duplicate(others: float, within: str) -> str:
    return f"{_others(others)} posted nearly the same text {within}."


def _link_share(share: float, _: str) -> str:
    return f"Links make up {100 * share:.0f} % of the text."


def _author_record(mean: float, within: str) -> str:
    towards = "a machine" if mean > 0 else "a person"
    return (
        f"What the detector said of this author's earlier posts {within} leans towards {towards} "
        f"(tempered mean log-odds {mean:.2f})."
    )


_TOLD: Final[dict[str, Callable[[float, str], str]]] = {
    "account_age": _account_age,
    "follower_ratio": _follower_ratio,
    "posting_rate": _posting_rate,
    "duplicate_text": _duplicate_text,
    "near_duplicate": _near_duplicate,
    "link_share": _link_share,
    "author_record": _author_record,
}
# The setting of how far a signal looks back.
_WINDOWS: Final = {
    "posting_rate": "rate_window_s",
    "duplicate_text": "duplicate_window_s",
    "near_duplicate": "duplicate_window_s",
    "author_record": "record_window_s",
}


def _others(count: float) -> str:
    more = " or more" if count >= MOST_AUTHORS else ""
    return f"{count:.0f}{more} other account{'' if count == 1 else 's'}"


def _span(seconds: int) -> str:
    if seconds >= 2 * _DAY_S and not seconds % _DAY_S:
        return _count(seconds // _DAY_S, "day")
    if not seconds % _HOUR_S:
        return _count(seconds // _HOUR_S, "hour")
    return _count(seconds, "second")


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
