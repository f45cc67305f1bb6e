"""What the tests of signals, policy and moderator are made of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING

from worker.candidate import Received
from worker.detector.calibration import Calibration
from worker.detector.protocol import Encoded
from worker.records import Author, Post, Source
from worker.signals.facts import Facts
from worker.text import canonical, text_digest

if TYPE_CHECKING:
    from collections.abc import Sequence

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
START_MS = int(START.timestamp() * 1000)
POISON = "poison"


class WordDetector:
    """A detector without a model: the logit is a digest of the text, between -4 and 4; a token is a word.

    Attributes:
        scored: every text that `logits` was given, in order.
        encoded: every text that `encode` was given, in order.
    """

    def __init__(self, calibration: Calibration | None = None, digest: str = "word-detector-1") -> None:
        self.name = "words"
        self.digest = digest
        self.batch_tokens = 16_384
        self.on_gpu = False
        self.calibration = calibration or Calibration(
            fitted=True,
            slope=0.5,
            intercept=0.25,
            min_tokens=3,
            languages=("en",),
            threshold=0.6,
            false_positive_bound=0.01,
        )
        self.scored: list[str] = []
        self.encoded: list[str] = []

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        self.encoded += texts
        if any("unreadable" in text for text in texts):
            raise ValueError("unreadable")
        return [Encoded(text, len(text.split()), truncated="truncated" in text) for text in texts]

    def logits(self, batch: Sequence[Encoded]) -> list[float]:
        self.scored += [one.payload for one in batch]
        if any(POISON in one.payload for one in batch):
            raise ValueError("poisoned")
        return [logit_of(one.payload) for one in batch]


def logit_of(text: str) -> float:
    return int.from_bytes(blake2b(text.encode(), digest_size=2).digest()) / 65_535 * 8 - 4


def post(
    number: int | str, text: str, *, author: str | None = "a", seconds: float = 0, lang: str | None = "en"
) -> Post:
    """A post that many seconds after `START`."""
    return Post(
        id=f"p{number}",
        text=text,
        created_at=START + timedelta(seconds=seconds),
        lang=lang,
        author=None if author is None else Author(author, START - timedelta(days=100), 50, 50),
    )


def received(one: Post, offset: int = 0) -> Received:
    return Received(one, Source("posts", 0, offset, START_MS))


def facts(one: Post, *, logit: float | None = None, tokens: int = 50, covered: bool = True) -> Facts:
    """Facts as the moderator would make them."""
    text = canonical(one.text)
    at = START_MS if one.created_at is None else round(one.created_at.timestamp() * 1000)
    return Facts(
        one,
        at,
        text,
        text_digest(text),
        logit=logit_of(text) if logit is None else logit,
        tokens=tokens,
        covered=covered,
    )
