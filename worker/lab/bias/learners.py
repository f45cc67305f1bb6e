"""Probes of learners' English: errors that they are known to make put into texts by rule, and plainer words.

The errors are of the most frequent kinds in the NUS Corpus of Learner English (Dahlmeier, Ng and Wu 2013:
articles, prepositions, number of nouns, verbs), placed at random. Liang et al. (2023), "GPT detectors are
biased against non-native English writers", put false positives down to a small vocabulary rather than to
errors, hence the last probe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.lab.bias.rewriting import Rewriting, by_rules, rule
from worker.lab.bias.verbs import PLAIN_FORMS, PRESENT_FORMS
from worker.lab.rewording import replaced
from worker.lab.robustness.synonyms import PLAINER

if TYPE_CHECKING:
    import re
    from random import Random

_CONFUSED: Final = {"in": "on", "on": "in", "at": "in", "to": "for", "for": "to", "of": "from", "with": "by"}
_QUANTITIES: Final = "many|several|some|these|those|few|two|three|four|five|six|seven|eight|nine|ten|all"


def _wrong_article(match: re.Match[str]) -> str:
    return "the" if match[1].lower() in {"a", "an"} else "a"


_LEFT_OUT: Final = by_rules([rule(r"\b(?:an?|the) ([A-Za-z])", r"\1", share=0.5)])
_CONFUSED_ARTICLES: Final = by_rules([rule(r"\b(an?|the)(?= [A-Za-z])", _wrong_article, share=0.3)])
_AGREEMENT: Final = by_rules(
    [
        rule(
            rf"\b({'|'.join(form for form in PLAIN_FORMS if form.isalpha())})\b",
            lambda match: PLAIN_FORMS[match[1].lower()],
            share=0.5,
        ),
        rule(r"\b(people|they|we|these|those) (?:are|were)\b", r"\1 is", share=0.5),
    ]
)
_NUMBER: Final = by_rules([rule(rf"\b({_QUANTITIES}) (\w{{2,}}[^s\W])s\b", r"\1 \2", share=0.7)])
_PREPOSITIONS: Final = by_rules(
    [rule(rf"\b({'|'.join(_CONFUSED)})(?= )", lambda match: _CONFUSED[match[1].lower()], share=0.2)]
)
_TENSE: Final = by_rules(
    [rule(rf"\b({'|'.join(PRESENT_FORMS)})\b", lambda match: PRESENT_FORMS[match[1].lower()], share=0.3)]
)


def learner_probes() -> tuple[Rewriting, ...]:
    """Each kind of error by itself, all of them, and plainer words."""
    errors = (
        ("articles left out", "Half of the articles go away.", _LEFT_OUT),
        ("articles confused", "30 % of the articles become the other one.", _CONFUSED_ARTICLES),
        ("agreement", "Half of some verbs no longer agree with their subject (`he know`).", _AGREEMENT),
        ("number", "70 % of the nouns after a word for several lose their -s.", _NUMBER),
        ("prepositions", "20 % of the frequent prepositions become another.", _PREPOSITIONS),
        ("tense", "30 % of some frequent verbs in the past tense stand in the present.", _TENSE),
    )

    def every(text: str, random: Random) -> str:
        for _, _, change in errors:
            text = change(text, random)
        return text

    probes = [Rewriting("probe", "learner", name, what, change) for name, what, change in errors]
    whole = Rewriting("probe", "learner", "all errors", "All these errors together.", every)
    plainer = Rewriting(
        "probe",
        "learner",
        "plainer words",
        f"{len(PLAINER)} words become a plainer one that can mostly stand for them.",
        lambda text, _: replaced(text, PLAINER.get),
    )
    return (*probes, whole, plainer)
