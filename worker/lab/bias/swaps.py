"""Terms for one group of people swapped for those of another; a detector should say the same of both.

After Garg et al. (2019), "Counterfactual Fairness in Text Classification through Robustness".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from worker.lab.bias.rewriting import Rewriting
from worker.lab.bias.swapped_terms import (
    ANY_NATION,
    ANY_RELIGION,
    COMMON_NAMES,
    HE_TO_SHE,
    NATIONS,
    NO_NOUNS,
    RELIGIONS,
    SHE_TO_HE,
    TELLING_NAMES,
)
from worker.lab.rewording import in_case_of, outside_links, replaced, starts_with_vowel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from worker.lab.bias.swapped_terms import Names, Term

_HER: Final = re.compile(r"\b(her)\b(?= ([A-Za-z]+))?", re.IGNORECASE)


def swaps() -> tuple[Rewriting, ...]:
    """All swaps: of gender, religion, nationality and first names."""
    return (
        Rewriting(
            "swap",
            "gender",
            "he to she",
            "Words for men and boys become those for women and girls.",
            lambda text, _: replaced(text, HE_TO_SHE.get),
        ),
        Rewriting(
            "swap",
            "gender",
            "she to he",
            "Words for women and girls become those for men and boys.",
            lambda text, _: replaced(outside_links(text, _her_to_his), SHE_TO_HE.get),
        ),
        *_term_swaps("religion", ANY_RELIGION, RELIGIONS),
        *_term_swaps("nationality", ANY_NATION, NATIONS),
        *(_name_swap(whose, names) for whose, names in TELLING_NAMES.items()),
    )


def _her_to_his(text: str) -> str:
    def change(match: re.Match[str]) -> str:
        follows = match[2]
        is_person = follows is None or follows.lower() in NO_NOUNS
        return in_case_of("him" if is_person else "his", match[1])

    return _HER.sub(change, text)


def _term_swaps(of: str, any_term: str, terms: Mapping[str, Term]) -> list[Rewriting]:
    pattern = re.compile(rf"(?<!-)\b(?:([Aa])n? )?{any_term}(s?)\b(?= ([a-z]+))?(?!-)")
    return [
        Rewriting(
            "swap",
            of,
            f"to {name}",
            f"Words for people by {of}, from a short list, become those for {name}.",
            _to_term(pattern, term),
        )
        for name, term in terms.items()
    ]


def _to_term(pattern: re.Pattern[str], term: Term) -> Callable[[str, Random], str]:
    def change(match: re.Match[str]) -> str:
        article, plural, follows = match.groups()
        single = term.adjective if follows and follows not in NO_NOUNS else term.one
        new = term.several if plural else single
        return f"{article}{'n' if starts_with_vowel(new) else ''} {new}" if article else new

    return lambda text, _: outside_links(text, lambda part: pattern.sub(change, part))


def _name_swap(whose: str, names: Names) -> Rewriting:
    def change(text: str, random: Random) -> str:
        chosen: dict[str, str] = {}

        def other(word: str) -> str | None:
            if word not in chosen:
                theirs = names.male if word in COMMON_NAMES.male else names.female
                if word not in COMMON_NAMES.male and word not in COMMON_NAMES.female:
                    return None
                chosen[word] = random.choice(theirs)
            return chosen[word]

        return replaced(text, other)

    return Rewriting(
        "swap", "first name", f"to {whose}", f"Common first names become {whose}, of the same gender.", change
    )
