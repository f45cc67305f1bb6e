"""What a signal may know of a post."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from worker.records import Post

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Facts:
    """One post, as signals see it.

    Attributes:
        post: the post itself.
        at: event time in milliseconds since 1970: the post's own, else the Kafka record's.
        text: the canonical text.
        digest: the canonical text's digest, in hexadecimal digits.
        logit: the detector's log-odds before calibration.
        tokens: how many tokens the detector saw.
        covered: whether the detector is calibrated for this post.
    """

    __slots__ = ("at", "covered", "digest", "logit", "post", "text", "tokens")

    def __init__(  # noqa: PLR0913 - one argument a fact
        self, post: Post, at: int, text: str, digest: str, *, logit: float, tokens: int, covered: bool
    ) -> None:
        self.post = post
        self.at = at
        self.text = text
        self.digest = digest
        self.logit = logit
        self.tokens = tokens
        self.covered = covered


def milliseconds(time: datetime) -> int:
    """Milliseconds since 1970 of a time with a time zone."""
    return round((time - _EPOCH).total_seconds() * 1000)


@lru_cache(maxsize=16_384)
def name_of(identifier: str) -> bytes:
    """Eight bytes that stand for an id in Redis: ids may be long, and are nobody's business there."""
    return blake2b(identifier.encode(), digest_size=8).digest()
