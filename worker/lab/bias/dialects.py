"""Probes of dialect: features of African American English put into texts by rule.

The features are those that Green (2002), "African American English: A Linguistic Introduction", describes, as
far as patterns of words can place them; Ziems et al. (2023), "Multi-VALUE", do so with a parser and speakers'
judgement. Speakers vary in what they use and how often. A text that was rewritten so is nobody's own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from worker.lab.bias.rewriting import Rewriting, by_rules, rule
from worker.lab.bias.verbs import PLAIN_FORMS
from worker.lab.rewording import in_case_of

if TYPE_CHECKING:
    from random import Random

_APOSTROPHE: Final = "['\u2019]"
_NEGATIVE: Final = {
    "any": "no",
    "anything": "nothing",
    "anyone": "no one",
    "anybody": "nobody",
    "anywhere": "nowhere",
}
_CONCORD: Final = re.compile(
    rf"\b(\w+n{_APOSTROPHE}t|not|never)\b([^.,;:!?]*?)\b({'|'.join(_NEGATIVE)})\b", re.IGNORECASE
)

# Not before a participle, where 's may be `has`, and not at the end, where Labov (1969) finds none left out.
_COPULA: Final = by_rules(
    [
        rule(
            rf"\b(he|she|they|we|you)(?: is| are|{_APOSTROPHE}s|{_APOSTROPHE}re)"
            r"(?= (?!been|had|got|done|gone|\w+ed\b)[a-z])",
            r"\1",
        )
    ]
)
_HABITUAL: Final = by_rules(
    [
        rule(rf"(?: is| are|{_APOSTROPHE}s|{_APOSTROPHE}re) (always|usually|often|constantly)\b", r" be \1"),
        rule(r"\b(always|usually|often|sometimes) (?:is|are)\b", r"\1 be"),
    ]
)
_AINT: Final = by_rules(
    [
        rule(rf"\b(?:is|are|has|have)n{_APOSTROPHE}t\b", "ain't"),
        rule(rf"(?:{_APOSTROPHE}m|{_APOSTROPHE}re| am| is| are) not\b", " ain't"),
    ]
)
_AGREEMENT: Final = by_rules(
    [
        rule(
            rf"\b(he|she|it) ({'|'.join(form.replace(chr(39), _APOSTROPHE) for form in PLAIN_FORMS)})\b",
            lambda match: f"{match[1]} {PLAIN_FORMS[match[2].lower().replace(chr(0x2019), chr(39))]}",
        )
    ]
)
_COMPLETIVE: Final = by_rules(
    [
        rule(
            rf"(?: have| has|{_APOSTROPHE}ve) (?:already |just )?(\w+ed|gone|seen|made|told|found|lost)\b",
            r" done \1",
        )
    ]
)


def dialect_probes() -> tuple[Rewriting, ...]:
    """Each feature by itself, then all of them."""
    features = (
        ("copula left out", "`is` and `are` after a pronoun go away (`she running late`).", _COPULA),
        ("habitual be", "`is` and `are` beside a word such as `always` become `be`.", _HABITUAL),
        ("negative concord", "`any` and its kin after a negation become `no` and its kin.", _concord),
        ("ain't", "`isn't`, `haven't`, `are not` and their kin become `ain't`.", _AINT),
        ("plain verb", "The third person's -s goes from frequent verbs (`he know`).", _AGREEMENT),
        ("completive done", "`have` before a participle becomes `done` (`they done told you`).", _COMPLETIVE),
    )

    def every(text: str, random: Random) -> str:
        # What is habitual or negated first, since leaving out the copula would take its mark away.
        for change in (_HABITUAL, _AINT, _COMPLETIVE, _AGREEMENT, _COPULA, _concord):
            text = change(text, random)
        return text

    probes = [Rewriting("probe", "dialect", name, what, change) for name, what, change in features]
    whole = Rewriting(
        "probe", "dialect", "all features", "All these features of African American English together.", every
    )
    return (*probes, whole)


def _concord(text: str, random: Random) -> str:
    del random  # it changes all that it can

    def change(match: re.Match[str]) -> str:
        return f"{match[1]}{match[2]}{in_case_of(_NEGATIVE[match[3].lower()], match[3])}"

    while (agreed := _CONCORD.sub(change, text)) != text:
        text = agreed
    return text
