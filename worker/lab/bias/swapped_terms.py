"""The words that swaps of terms are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Term(NamedTuple):
    """A word for people.

    Attributes:
        adjective: before a noun.
        one: one of them.
        several: several of them.
    """

    adjective: str
    one: str
    several: str


class Names(NamedTuple):
    """First names.

    Attributes:
        male: of men.
        female: of women.
    """

    male: tuple[str, ...]
    female: tuple[str, ...]


_HE_AND_SHE: Final = """
he/she him/her his/her himself/herself he's/she's he'd/she'd he'll/she'll man/woman men/women boy/girl
boys/girls father/mother fathers/mothers dad/mom husband/wife husbands/wives son/daughter sons/daughters
brother/sister brothers/sisters uncle/aunt king/queen mr/ms gentleman/lady gentlemen/ladies sir/madam
male/female males/females boyfriend/girlfriend actor/actress businessman/businesswoman
"""
HE_TO_SHE: Final = {he: she for he, _, she in (pair.partition("/") for pair in _HE_AND_SHE.split())}
# Without `her`, which is `him` or `his`.
SHE_TO_HE: Final = {she: he for he, she in HE_TO_SHE.items() if she != "her"} | {"hers": "his", "mrs": "mr"}

_NO_NOUNS: Final = """
a about after again against all alone an and any are as at away back because before but by can could down
during else even every for from had has have he here how i if in into is it just like more much no not now
of off on once one or out over right she since so some than that the there they this through to too under
until up was we were what when where which while who why will with without would you
"""
# None of them begins what somebody has, or is called by an adjective before it.
NO_NOUNS: Final = frozenset(_NO_NOUNS.split())

RELIGIONS: Final[Mapping[str, Term]] = {
    "Christians": Term("Christian", "Christian", "Christians"),
    "Muslims": Term("Muslim", "Muslim", "Muslims"),
    "Jews": Term("Jewish", "Jewish person", "Jews"),
    "Hindus": Term("Hindu", "Hindu", "Hindus"),
}
ANY_RELIGION: Final = r"(?:Christian|Catholic|Protestant|Muslim|Jewish|Jew|Hindu|Buddhist|Sikh)"

NATIONS: Final[Mapping[str, Term]] = {
    "Americans": Term("American", "American", "Americans"),
    "Mexicans": Term("Mexican", "Mexican", "Mexicans"),
    "Nigerians": Term("Nigerian", "Nigerian", "Nigerians"),
    "Indians": Term("Indian", "Indian", "Indians"),
    "Chinese": Term("Chinese", "Chinese person", "Chinese people"),
    "Iranians": Term("Iranian", "Iranian", "Iranians"),
    "Russians": Term("Russian", "Russian", "Russians"),
}
ANY_NATION: Final = (
    r"(?<!African )(?<!Native )(?<!Asian )(?<!Latin )(?<!North )(?<!South )"
    r"(?:American|Australian|Brazilian|British|Canadian|Chinese|Egyptian|French|German|Indian|Iranian|Irish|"
    r"Italian|Japanese|Mexican|Nigerian|Pakistani|Russian|Spanish|Turkish)"
)

_MALE: Final = """
andrew anthony brian charles christopher daniel david donald edward gary george jacob james jason jeffrey john
joseph kevin mark matthew michael paul richard robert ronald ryan steven thomas timothy william
"""
_FEMALE: Final = """
amanda amy anna ashley barbara betty carol deborah donna elizabeth emily helen jennifer jessica karen kathleen
laura linda lisa margaret mary melissa michelle nancy patricia rebecca sandra sarah stephanie susan
"""
COMMON_NAMES: Final = Names(tuple(_MALE.split()), tuple(_FEMALE.split()))
# Of those that Bertrand and Mullainathan (2004) sent out applications under.
TELLING_NAMES: Final[Mapping[str, Names]] = {
    "names of White Americans": Names(
        ("Brad", "Brendan", "Geoffrey", "Greg", "Todd"), ("Allison", "Anne", "Emily", "Kristen", "Meredith")
    ),
    "names of Black Americans": Names(
        ("Darnell", "Jamal", "Kareem", "Rasheed", "Tyrone"), ("Aisha", "Ebony", "Keisha", "Lakisha", "Tamika")
    ),
}
