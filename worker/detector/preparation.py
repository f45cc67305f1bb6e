"""What is done to a canonical text before a transformer's tokenizer sees it; training does the same."""

from __future__ import annotations

from typing import Literal

from worker.detector.links import masked

Preparation = Literal["plain", "masked-links"]

# As in TweetEval (Barbieri et al. 2020), so that encoders of tweets know them.
_LINK_SIGN, _MENTION_SIGN = "http", "@user"


def prepare(text: str, preparation: Preparation) -> str:
    """A canonical text as the tokenizer gets it.

    Args:
        text: canonical.
        preparation: `plain` leaves it as it is. `masked-links` makes every link `http` and every mention
            `@user`.
    """
    if preparation == "plain":
        return text
    return masked(text, link=_LINK_SIGN, mention=_MENTION_SIGN)
