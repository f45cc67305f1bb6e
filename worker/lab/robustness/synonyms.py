"""Frequent English words, each with others that can mostly stand for it.

Chosen for Flagstaff: words that mean one thing in most sentences, so that nothing around them has to change
but `a` and `an`. That is far from a paraphrase: the order of the words and the sentences stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

# The plainest word of each first.
_WORDS: Final = """
afraid/frightened/scared, agreed/consented, allow/permit, allowed/permitted, allows/permits,
almost/nearly, also/additionally, although/though, always/constantly, amazing/astonishing,
angry/furious, answer/reply, answered/replied, anyway/anyhow, area/region, areas/regions,
ask/request, bad/poor, beautiful/lovely, began/commenced, begin/commence, begins/commences,
big/large, bigger/larger, biggest/largest, bought/purchased, brave/courageous, broken/damaged,
build/construct, building/constructing, built/constructed, buy/purchase, buying/purchasing,
careful/cautious, carefully/cautiously, cars/vehicles, certainly/surely, change/alter,
changed/altered, changes/alterations, cheap/inexpensive, choose/select, chose/selected,
clear/evident, clearly/obviously, clever/bright, closed/shut, collect/gather, collected/gathered,
companies/firms, company/firm, completely/entirely, correct/right, countries/nations,
country/nation, crazy/mad, dad/father, danger/peril, dangerous/hazardous, dead/deceased,
decide/determine, decided/determined, difficult/hard, dinner/supper, easily/readily, easy/simple,
end/finish, ended/finished, enemy/foe, enough/sufficient, error/mistake, errors/mistakes,
especially/particularly, evening/night, everybody/everyone, expected/anticipated, explain/clarify,
explained/clarified, famous/renowned, fast/quick, faster/quicker, fight/battle, finally/eventually,
find/discover, finds/discovers, fix/repair, fixed/repaired, forest/woods, found/discovered,
friend/pal, friends/pals, funny/amusing, garbage/rubbish, get/obtain, gets/obtains, gift/present,
gifts/presents, glad/pleased, goal/aim, goals/aims, grab/seize, grabbed/seized, great/excellent,
grow/increase, growing/increasing, happen/occur, happened/occurred, happens/occurs, happy/cheerful,
hate/detest, hated/detested, help/assist, helped/assisted, helping/assisting, helps/assists,
hide/conceal, however/nevertheless, huge/enormous, hurt/injured, idea/notion, ideas/notions,
important/significant, improve/enhance, improved/enhanced, include/contain, includes/contains,
incredible/unbelievable, job/occupation, jobs/occupations, keep/retain, kid/child, kids/children,
laughed/chuckled, leader/chief, leaders/chiefs, legal/lawful, likely/probable, love/adore,
loved/adored, luck/fortune, make/create, makes/creates, making/creating, many/numerous,
maybe/perhaps, method/technique, mom/mother, movie/film, movies/films, need/require,
needed/required, needs/requires, nice/pleasant, normal/usual, normally/ordinarily, now/currently,
often/frequently, old/ancient, opinion/view, opinions/views, part/portion, parts/portions,
people/folks, person/individual, place/spot, places/spots, plan/scheme, plans/schemes,
problem/issue, problems/issues, protect/guard, protected/guarded, quickly/rapidly, quiet/silent,
quietly/silently, rarely/seldom, real/genuine, really/truly, rich/wealthy, roughly/approximately,
sad/unhappy, said/stated, say/state, says/states, seem/appear, seemed/appeared, seems/appears,
several/various, show/display, showed/displayed, showing/displaying, shows/displays, slow/sluggish,
slowly/gradually, small/tiny, smart/intelligent, sometimes/occasionally, soon/shortly,
special/exceptional, stay/remain, stayed/remained, stop/cease, stopped/ceased, stops/ceases,
store/shop, stores/shops, stories/tales, story/tale, strange/odd, strong/powerful, stupid/foolish,
suddenly/abruptly, sure/confident, talk/speak, talked/spoke, talking/speaking, tell/inform,
terrible/awful, thing/item, things/items, tired/exhausted, together/jointly, told/informed,
totally/wholly, tried/attempted, true/accurate, try/attempt, trying/attempting,
understand/comprehend, understood/comprehended, until/till, use/employ, uses/employs,
using/employing, usually/generally, very/extremely, walk/stroll, walked/strolled, wanted/wished,
watch/observe, watched/observed, watching/observing, weak/feeble, whole/entire,
wonderful/marvelous, world/globe, worried/concerned, wrong/incorrect, wrote/penned
"""
_GROUPS: Final = [group.strip().split("/") for group in _WORDS.replace("\n", " ").split(",")]

SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = {plain: tuple(others) for plain, *others in _GROUPS}
PLAINER: Final[Mapping[str, str]] = {other: plain for plain, *others in _GROUPS for other in others}
