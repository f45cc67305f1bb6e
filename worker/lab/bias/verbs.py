"""Forms of verbs that dialects and learners use otherwise than written standard English."""

from __future__ import annotations

from typing import Final

_VERBS: Final = """
ask believe bring call come cost cry eat feel find get give go hate help know leave like live look love make
mean move need pay play put read run say see seem show speak start stop take talk tell think try turn use walk
want watch work write
"""


def _third_person(verb: str) -> str:
    if verb.endswith(("ch", "go")):
        return f"{verb}es"
    if verb.endswith("y") and verb[-2] not in "ae":
        return f"{verb[:-1]}ies"
    return f"{verb}s"


# From the third person to the plain form.
PLAIN_FORMS: Final = {_third_person(verb): verb for verb in _VERBS.split()} | {
    "doesn't": "don't",
    "has": "have",
}

_PAST: Final = """
asked/ask became/become began/begin brought/bring called/call came/come found/find gave/give got/get knew/know
left/leave looked/look made/make met/meet said/say saw/see spoke/speak started/start stayed/stay told/tell
took/take thought/think tried/try used/use wanted/want went/go worked/work wrote/write
"""
# From the past tense to the plain form.
PRESENT_FORMS: Final = {past: verb for past, _, verb in (pair.partition("/") for pair in _PAST.split())}
