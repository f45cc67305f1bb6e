"""What is done to a canonical text before a transformer's tokenizer sees it; training does the same."""

from __future__ import annotations

import re
from typing import Final, Literal

Preparation = Literal["plain", "masked-links"]

_LINK: Final = re.compile(r"https?://\S*")
_MENTION: Final = re.compile(r"@\w+")
# As in TweetEval (Barbieri et al. 2020), so that encoders of tweets know them.
_LINK_SIGN, _MENTION_SIGN = "http", "@user"


def prepare(text: str, preparation: Preparation) -> str:
    """A canonical text as the tokenizer gets it.

    Args:
        text: canonical.
        preparation: `plain` leaves it as it is. `masked-links` makes every link `http` and every mention
            `@user`: they tell of what was posted about, and to whom, not of who wrote it.
    """
    if preparation == "plain":
        return text
    if "://" in text:
        text = _LINK.sub(_LINK_SIGN, text)
    if "@" in text:
        text = _MENTION.sub(_MENTION_SIGN, text)
    return text
