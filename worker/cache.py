"""Scores in Redis. They can be computed again, so losing them costs time only."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis import Redis

    from worker.redis_link import RedisLink

# Format 1: the logit as a double, so that a cached score gives the same bytes in a flag as a fresh one.
_VALUE: Final = struct.Struct(">BdI?")
_FORMAT: Final = 1
_MOST_TOKENS: Final = 2**32 - 1


class CachedScore(NamedTuple):
    """What the model said of a text: logit before calibration, tokens it saw, whether the text went on."""

    logit: float
    tokens: int
    truncated: bool


class ScoreCache:
    """Scores under detector digest and text digest.

    Args:
        link: the way to Redis.
        prefix: start of every key.
        ttl_s: seconds that a score is kept.
    """

    def __init__(self, link: RedisLink, prefix: str, ttl_s: int) -> None:
        self._link = link
        self._prefix = prefix
        self._ttl_s = ttl_s

    def get_many(self, detector_digest: str, text_digests: Sequence[str]) -> list[CachedScore | None] | None:
        """The scores of texts, in order, by one MGET; None for a miss; None for all where Redis is away."""
        if not text_digests:
            return []
        keys = self._keys(detector_digest, text_digests)

        def read(redis: Redis) -> Any:
            return redis.mget(keys)

        values = self._link.call("cache-read", read)
        return None if values is None else [_unpacked(value) for value in values]

    def put_many(self, detector_digest: str, scores: Sequence[tuple[str, CachedScore]]) -> bool:
        """Stores scores by text digest, in one round trip. Returns whether Redis took them."""
        if not scores:
            return True
        keys = self._keys(detector_digest, [digest for digest, _ in scores])
        values = [_packed(score) for _, score in scores]

        def write(redis: Redis) -> Any:
            with redis.pipeline(transaction=False) as pipe:
                for key, value in zip(keys, values, strict=True):
                    pipe.set(key, value, ex=self._ttl_s)
                return pipe.execute()

        return self._link.call("cache-write", write) is not None

    def _keys(self, detector_digest: str, text_digests: Sequence[str]) -> list[str]:
        start = f"{self._prefix}:score:{detector_digest}:"
        return [start + digest for digest in text_digests]


def _packed(score: CachedScore) -> bytes:
    return _VALUE.pack(_FORMAT, score.logit, min(score.tokens, _MOST_TOKENS), score.truncated)


def _unpacked(value: bytes | None) -> CachedScore | None:
    if value is None or len(value) != _VALUE.size:
        return None
    form, logit, tokens, truncated = _VALUE.unpack(value)
    return CachedScore(logit, tokens, truncated) if form == _FORMAT and math.isfinite(logit) else None
