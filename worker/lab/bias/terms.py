"""Words by which a text mentions a group of people.

Short lists of neutral, frequent terms, after the idea of Dixon et al. (2018), chosen for Flagstaff: no slurs,
no names, and colours only before a word for people. A text that mentions a group need not be about it, nor
by it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_PEOPLE: Final = (
    "(?:man|men|woman|women|people|persons?|folks?|boys?|girls?|kids?|child|children|guys?|lad(?:y|ies)|"
    "communit(?:y|ies)|famil(?:y|ies)|lives|students?|voters?|americans?|britons?)"
)

# By what they are groups of; of each group the alternatives of a regular expression.
_TERMS: Final[Mapping[str, Mapping[str, str]]] = {
    "gender": {
        "women": "she|hers?|herself|wom[ae]n|girls?|mothers?|wife|wives|daughters?|sisters?|females?|ladies",
        "men": "he|him|his|himself|m[ae]n|boys?|fathers?|husbands?|sons?|brothers?|males?|gentlem[ae]n",
        "transgender people": f"transgender(?:ed)?|trans[ -]{_PEOPLE}|transsexuals?|non-?binary|genderqueer",
    },
    "race": {
        "Black people": f"black {_PEOPLE}|blacks|african[ -]americans?",
        "White people": f"white {_PEOPLE}|whites|caucasians?",
        "Asian people": "asians?|asian[ -]americans?",
        "Latino people": "latin[oax]s?|hispanics?|chican[oa]s?",
        "Arab people": "arabs?|arab[ -]americans?",
        "Indigenous people": "native americans?|indigenous|aboriginals?|first nations?|american indians?",
    },
    "religion": {
        "Christians": (
            "christians?|christianity|catholics?|protestants?|evangelicals?|church|churches|jesus|bible"
        ),
        "Muslims": "muslims?|islam|islamic|mosques?|qu?[ou]r'?an|ramadan|hijabs?",
        "Jews": "jews?|jewish|judaism|synagogues?|rabbis?|torah",
        "Hindus": "hindus?|hinduism",
        "Buddhists": "buddhists?|buddhism",
        "Sikhs": "sikhs?|sikhism",
        "atheists": "atheists?|atheism|agnostics?",
    },
    "disability": {
        "disabled people": (
            f"disabled|disability|disabilities|wheelchairs?|deaf|blind {_PEOPLE}|autis(?:m|tic)|"
            "dyslexi(?:a|c)|cerebral palsy|down syndrome|amputees?|paraplegics?|special needs"
        ),
        "mentally ill people": (
            "mental(?:ly)? (?:illness(?:es)?|ill|health)|schizophreni(?:a|c)|bipolar|ptsd|anxiety disorders?|"
            "clinical depression"
        ),
    },
    "orientation": {
        "gay and lesbian people": "gays?|lesbians?|homosexual(?:s|ity)?|same-sex",
        "bisexual and queer people": "bisexual(?:s|ity)?|queer|lgbtq?i?a?\\+?",
        "heterosexual people": f"heterosexual(?:s|ity)?|straight {_PEOPLE}",
    },
    "migration": {
        "migrants": "(?:im)?migrants?|refugees?|asylum[ -]seekers?",
    },
}

TERMS: Final[Mapping[str, Mapping[str, re.Pattern[str]]]] = {
    of: {
        group: re.compile(rf"\b(?:{alternatives})(?!\w)", re.IGNORECASE)
        for group, alternatives in groups.items()
    }
    for of, groups in _TERMS.items()
}
