"""Links and mentions: they tell what a post is about, and to whom, not who wrote it."""

from __future__ import annotations

import re
from typing import Final

_LINK: Final = re.compile(r"https?://\S*")
_MENTION: Final = re.compile(r"@\w+")


def masked(text: str, *, link: str, mention: str) -> str:
    """A text with one sign for every link, and one for every mention.

    Args:
        text: the text.
        link: what stands for a link.
        mention: what stands for a mention.
    """
    if "://" in text:
        text = _LINK.sub(link, text)
    if "@" in text:
        text = _MENTION.sub(mention, text)
    return text
