"""Bytes that a post leaves behind in Redis and Kafka, as `tests/contract/test_footprint.py` measures them."""

from __future__ import annotations

from typing import Final, NamedTuple


class Key(NamedTuple):
    """Redis memory of a sorted set, in bytes, its place in the tables of keys and expiries included.

    Attributes:
        first: with one member.
        more: each further one, as long as the set is small (128 members).
        large: each member of a larger set, all included.
    """

    first: float
    more: float
    large: float

    def of(self, keys: float, members: float) -> float:
        """Bytes of so many keys that have so many members together, alike."""
        if not keys or not members:
            return 0.0
        a_key = max(1.0, members / keys)
        if a_key > _SMALL:
            return keys * self.large * a_key
        return keys * (self.first + self.more * (a_key - 1))


_SMALL: Final = 128
# A score: key and value, under the shortest prefix and a digest of each, detector and text.
SCORE: Final = 151.0
SIGNALS: Final = {
    "posting_rate": Key(156.0, 21.0, 81.0),
    "duplicate_text": Key(177.0, 28.0, 84.0),
    "near_duplicate": Key(188.0, 55.0, 110.0),
    "author_record": Key(172.0, 38.0, 86.0),
}
# Values of the band hashes of near duplicates: five bands of 65,536 values.
BAND_KEYS: Final = 5 * 65_536
# A record of the flags topic in a large batch: value, key, headers.
FLAG: Final = 1_330.0
