"""Attacks on spelling: what people mistype, misspell, and spell otherwise in another country."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.lab.rewording import each_word, replaced
from worker.lab.robustness.attack import Attack

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

_ROWS: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_TYPO_SHARE: Final = 0.1
_SHORTEST: Final = 4

# Each word, and how it is often misspelled.
_MISSPELLED: Final = """
accommodate/accomodate, achieve/acheive, across/accross, address/adress, again/agian, already/allready,
although/altough, amount/ammount, apparently/apparantly, appearance/appearence, argument/arguement,
basically/basicly, beautiful/beautifull, because/becuase, before/befor, beginning/begining,
believe/beleive, between/betwen, business/buisness, calendar/calender, can't/cant, certain/certian,
children/childern, coming/comming, committee/commitee, completely/completly, could/coud, country/contry,
definitely/definately, didn't/didnt, different/diffrent, disappear/dissapear, doesn't/doesnt,
don't/dont, during/durring, environment/enviroment, especially/especialy, every/evry, everyone/evryone,
existence/existance, experience/experiance, familiar/familar, family/familly, favorite/favourit,
finally/finaly, foreign/foriegn, forward/foward, friend/freind, friends/freinds, from/form,
government/goverment, grammar/grammer, guard/gaurd, happened/happend, height/heigth, history/histroy,
immediately/immediatly, important/importent, independent/independant, information/infomation,
interesting/intresting, isn't/isnt, its/it's, knowledge/knowlege, language/langauge, length/lenght,
little/litle, many/meny, maybe/mabye, million/millon, minute/minuite, necessary/neccessary, night/nite,
occasion/occassion, occurred/occured, official/offical, once/onece, other/ohter, particular/particuler,
people/peopel, perhaps/perhapes, please/plese, police/polise, political/politcal, possible/posible,
president/presidant, probably/probly, problem/probelm, quite/quiet, really/realy, receive/recieve,
received/recieved, recommend/reccomend, remember/rember, report/reprot, right/rigth, said/siad,
school/shcool, separate/seperate, should/shoud, since/sinse, something/somthing, still/stil,
strength/strenght, successful/succesful, surprise/suprise, than/then, their/thier, there/ther,
they're/theyre, though/thou, thought/thougt, through/throught, together/togehter, tomorrow/tommorow,
truly/truely, until/untill, usually/usualy, very/verry, wasn't/wasnt, weird/wierd, where/were,
whether/wether, which/wich, while/wile, with/wiht, without/witout, won't/wont, would/woud,
writing/writting, you're/your
"""

# American spelling, and British.
_BRITISH: Final = """
aging/ageing, airplane/aeroplane, aluminum/aluminium, analyze/analyse, analyzed/analysed,
apologize/apologise, apologized/apologised, armor/armour, behavior/behaviour, canceled/cancelled,
catalog/catalogue, center/centre, centers/centres, color/colour, colors/colours, criticize/criticise,
criticized/criticised, defense/defence, dialog/dialogue, emphasize/emphasise, favor/favour,
favorite/favourite, favorites/favourites, fiber/fibre, flavor/flavour, fulfill/fulfil, gray/grey,
harbor/harbour, honor/honour, honored/honoured, humor/humour, jewelry/jewellery, judgment/judgement,
labor/labour, leveled/levelled, license/licence, liter/litre, meter/metre, meters/metres, mom/mum,
neighbor/neighbour, neighborhood/neighbourhood, neighbors/neighbours, offense/offence,
organization/organisation, organizations/organisations, organize/organise, organized/organised,
organizing/organising, parlor/parlour, plow/plough, program/programme, programs/programmes,
realize/realise, realized/realised, recognize/recognise, recognized/recognised, rumor/rumour,
skeptical/sceptical, specialized/specialised, theater/theatre, tire/tyre, tires/tyres,
traveled/travelled, traveler/traveller, traveling/travelling, vapor/vapour, while/whilst
"""


def _table(lines: str) -> dict[str, str]:
    pairs = (pair.strip().partition("/") for pair in lines.replace("\n", " ").split(","))
    return {word: other for word, _, other in pairs}


MISSPELLINGS: Final[Mapping[str, str]] = _table(_MISSPELLED)
BRITISH: Final[Mapping[str, str]] = _table(_BRITISH)


def spelling_attacks() -> tuple[Attack, ...]:
    """Misspellings, slips of the finger, another country's spelling."""
    return (
        Attack(
            "misspelling",
            f"{len(MISSPELLINGS)} common words are spelled as people often misspell them.",
            lambda text, _: replaced(text, MISSPELLINGS.get),
        ),
        Attack(
            "typos",
            "10 % of the words of four letters and more get one slip: two letters change places, one is "
            "missing, doubled, or the key beside it.",
            _mistyped,
        ),
        Attack(
            "British spelling",
            f"{len(BRITISH)} American spellings become British.",
            lambda text, _: replaced(text, BRITISH.get),
        ),
    )


def _mistyped(text: str, random: Random) -> str:
    def change(word: str) -> str:
        if len(word) < _SHORTEST or random.random() >= _TYPO_SHARE:
            return word
        # Neither the first letter nor the last, which are mistyped least and read most.
        at = random.randrange(1, len(word) - 1)
        slip = random.choice(("swapped", "missing", "doubled", "beside"))
        if slip == "swapped":
            at = min(at, len(word) - 3)
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        if slip == "missing":
            return word[:at] + word[at + 1 :]
        if slip == "doubled":
            return word[: at + 1] + word[at:]
        return word[:at] + _beside(word[at], random) + word[at + 1 :]

    return each_word(text, change)


def _beside(letter: str, random: Random) -> str:
    for row in _ROWS:
        if (at := row.find(letter.lower())) >= 0:
            return random.choice(row[max(0, at - 1) : at] + row[at + 1 : at + 2])
    return letter
