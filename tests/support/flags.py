"""Flags for tests of what is done with them."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec

from worker.records import DetectorReading, Flag, PolicyStamp, SignalReading, Source

if TYPE_CHECKING:
    from worker.records import Action

START_MS = 1_772_366_400_000
_offsets = itertools.count()


def flag(number: int, *, action: Action = "review", score: float = 0.9, **more: Any) -> Flag:
    """Flag number so many, of post number so many at that offset."""
    plain = Flag(
        id=f"flag-{number}",
        post_id=f"p{number}",
        author_id=f"a{number % 7}",
        source=Source("posts", 0, number, START_MS + number * 1000),
        action=action,
        score=score,
        detector=DetectorReading(
            name="words",
            digest="d" * 16,
            logit=2.1,
            probability=0.88,
            tokens=61,
            truncated=False,
            calibrated=True,
            threshold=0.81,
            false_positive_bound=0.01,
        ),
        signals=(SignalReading("duplicate_text", 7.0, 0.9), SignalReading("account_age", None, 0.0)),
        reasons=("7 other accounts posted the same text within 24 hours.",),
        policy=PolicyStamp("default", "p" * 16),
        metadata={},
    )
    return msgspec.structs.replace(plain, **more)


def record(value: bytes, *, topic: str = "flags", headers: list[tuple[str, bytes]] | None = None) -> Any:
    """What a consumer gives for a value; each one at an offset of its own."""
    return SimpleNamespace(
        topic=topic, partition=0, offset=next(_offsets), key=b"k", value=value, headers=headers or []
    )
