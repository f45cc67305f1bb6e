"""The notice to an author: what a flag says of a post, in plain words, made of the flag alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from worker.judgement import detector_contribution
from worker.reasons import signal_sentence
from worker.records import Action

if TYPE_CHECKING:
    from worker.records import DetectorReading, Flag, SignalReading

Towards = Literal["machine", "person", "neither", "not known"]
Strength = Literal["slightly", "clearly", "strongly"]

# In log-odds: below the first, odds move by less than 1.65 to 1; from the second on by 4.5 to 1 or more.
_CLEAR: Final = 0.5
_STRONG: Final = 1.5

_DECIDED: Final[dict[Action, str]] = {
    "pass": "Your post was not flagged. Nothing is to be done about it.",
    "abstain": "No judgement was made about your post: the program had too little to go by. Nothing is to be "
    "done about it.",
    "label": "The program proposes that your post be labelled as one that a language model may have written.",
    "review": "The program asks the platform's staff to look at your post and to decide for themselves "
    "whether a language model wrote it.",
    "limit": "The program proposes that your post be shown to fewer people until a person has looked at it.",
}
_WHO: Final = (
    "This is what a program proposes. What is done, and whether anything is, the platform's staff decide; "
    "what they have decided does not stand in this flag."
)
_NO_PROOF: Final = "None of this proves who wrote your post. It is evidence, and it can be wrong."
_NO_HISTORY: Final = (
    "The program reads what is written, not how it came about: it can't tell a text that a machine made up "
    "from one that you quoted, or had translated or corrected by a machine."
)
_SUBJECTS: Final = {
    "account_age": "How old your account is",
    "follower_ratio": "How many accounts follow yours, and how many it follows",
    "posting_rate": "How often your account posts",
    "duplicate_text": "Whether other accounts post the same text",
    "near_duplicate": "Whether other accounts post nearly the same text",
    "link_share": "How much of the text is links",
    "author_record": "What the detector said of your earlier posts",
}
_WITHIN: Final = "within the time that is looked at"


class Evidence(Struct, frozen=True, kw_only=True):
    """One kind of evidence.

    Attributes:
        name: `detector`, or the signal's.
        subject: what was looked at.
        seen: what was seen.
        towards: where it pointed; `not known` where it could not be read or used, and so was not counted.
        strength: how much; null where it pointed nowhere.
        log_odds: what it added to the score's log-odds; above 0: towards a machine.
    """

    name: str
    subject: str
    seen: str
    towards: Towards
    strength: Strength | None
    log_odds: float


class Notice(Struct, frozen=True, kw_only=True):
    """What an author is told.

    Attributes:
        flag_id: the flag's id, which an appeal names.
        post_id: the post's.
        action: what the flag proposes.
        decided: sentences that say what that means.
        evidence: the detector's and each signal's.
        limits: sentences that say what all this can't tell.
        how_to_appeal: in the platform's words; null where it gave none.
    """

    flag_id: str
    post_id: str
    action: Action
    decided: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    limits: tuple[str, ...]
    how_to_appeal: str | None


def notice(flag: Flag, how_to_appeal: str) -> Notice:
    """The notice to the author of a flag's post."""
    return Notice(
        flag_id=flag.id,
        post_id=flag.post_id,
        action=flag.action,
        decided=(_DECIDED[flag.action], _WHO),
        evidence=(_of_detector(flag), *map(_of_signal, flag.signals)),
        limits=_limits(flag.detector),
        how_to_appeal=how_to_appeal or None,
    )


def _of_detector(flag: Flag) -> Evidence:
    reading, subject = flag.detector, "The wording of your post"
    if not reading.calibrated:
        seen = (
            "The detector has not been tested on texts of this length or language, so its word was not used."
        )
        return _evidence("detector", subject, seen, None)
    leans = "a machine's" if reading.probability > 0.5 else "a person's"  # noqa: PLR2004 - even odds
    seen = (
        "The detector compares it with texts that people and that language models wrote. It gives "
        f"{reading.probability:.2f}, where 0 is most like a person's and 1 most like a machine's: nearer to "
        f"{leans}."
    )
    added = detector_contribution(flag.score, (signal.contribution for signal in flag.signals))
    return _evidence("detector", subject, seen, added)


def _of_signal(signal: SignalReading) -> Evidence:
    subject = _SUBJECTS.get(signal.name, f"The signal {signal.name}")
    if signal.value is None:
        return _evidence(signal.name, subject, "It could not be looked up, so it was not counted.", None)
    seen = signal_sentence(signal.name, signal.value, _WITHIN) or f"It was read as {signal.value:g}."
    if signal.name == "author_record":
        # Without its figure, which means nothing to those who have not read docs/signals.md.
        seen = seen.partition(" (")[0] + "."
    return _evidence(signal.name, subject, seen, signal.contribution)


def _evidence(name: str, subject: str, seen: str, added: float | None) -> Evidence:
    size = abs(added or 0.0)
    towards: Towards = (
        "not known" if added is None else "machine" if added > 0 else "person" if added else "neither"
    )
    strength: Strength | None = None
    if size:
        strength = "slightly" if size < _CLEAR else "clearly" if size < _STRONG else "strongly"
    return Evidence(
        name=name, subject=subject, seen=seen, towards=towards, strength=strength, log_odds=added or 0.0
    )


def _limits(reading: DetectorReading) -> tuple[str, ...]:
    said = [_NO_PROOF, _NO_HISTORY]
    if not reading.calibrated:
        said.append("The detector could not be used, so the rest is all that there is.")
    elif reading.threshold is None or reading.false_positive_bound is None:
        said.append("How often the detector takes a person's text for a machine's was not measured.")
    else:
        wrongly = f"{100 * reading.false_positive_bound:.1f} %"
        said.append(
            f"Of the texts by people that the detector was measured on, up to {wrongly} got more than "
            f"{reading.threshold:.2f}. Texts like yours may be among them."
        )
    if reading.truncated:
        said.append("Your post is longer than what the detector reads: it saw only the beginning.")
    said.append(
        f"It read {reading.tokens:,} pieces of words. The shorter a text is, the less can be told of it."
    )
    return tuple(said)
