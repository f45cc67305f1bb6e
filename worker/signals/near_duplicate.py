"""How many others posted nearly the same text."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from worker.signals.facts import name_of
from worker.signals.protocol import Row
from worker.signals.simhash import BITS, simhashes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.signals.facts import Facts

# Two fingerprints that differ in three bits at most agree in one of four bands (Manku, Jain and Das Sarma
# 2007), so those are always found; of those that differ in 4, 5 and 6 bits 91, 77 and 63 of 100 are.
# Of 85 million pairs of different tweets 9 differ in at most 6 bits, and 8 of those are variants of one text.
FARTHEST: Final = 6
BANDS: Final = 4
# Latest posts of a band that are looked at. With 65,536 values a band this covers the latest 8 million posts.
MOST: Final = 128
_BAND_BITS: Final = BITS // BANDS
_ROW: Final = struct.Struct(">d8s8s4sQ")

# A sorted set a band and its value: event time; post, author, start of the text's digest, fingerprint.
_OBSERVE: Final = """
local ttl, kept = ARGV[3], tonumber(ARGV[4])
for i = 0, #KEYS / 4 - 1 do
  local at, member = struct.unpack('>dc28', ARGV[1], i * 36 + 1)
  for band = 1, 4 do
    local key = KEYS[i * 4 + band]
    redis.call('ZADD', key, at, member)
    redis.call('ZREMRANGEBYRANK', key, 0, -kept - 1)
    redis.call('PEXPIRE', key, ttl)
  end
end
"""
_READ: Final = """
local window, most, farthest, replies = tonumber(ARGV[2]), tonumber(ARGV[5]), tonumber(ARGV[6]), {}

local function is_near(one, other)
  local differing = 0
  for word = 1, 2 do
    local bits = bit.bxor(one[word], other[word])
    while bits ~= 0 do
      bits = bit.band(bits, bits - 1)
      differing = differing + 1
      if differing > farthest then return false end
    end
  end
  return true
end

for i = 0, #KEYS / 4 - 1 do
  local at, member = struct.unpack('>dc28', ARGV[1], i * 36 + 1)
  local text, own = string.sub(member, 17, 20), {struct.unpack('>I4I4', member, 21)}
  local seen, others = {[string.sub(member, 9, 16)] = true}, 0
  for band = 1, 4 do
    local key = KEYS[i * 4 + band]
    local rank = redis.call('ZRANK', key, member)
    if not rank then
      others = false
      break
    end
    local first = math.max(redis.call('ZCOUNT', key, '-inf', at - window), rank - most)
    if first < rank then
      for _, earlier in ipairs(redis.call('ZRANGE', key, first, rank - 1)) do
        local author = string.sub(earlier, 9, 16)
        if not seen[author] and string.sub(earlier, 17, 20) ~= text
          and is_near(own, {struct.unpack('>I4I4', earlier, 21)}) then
          seen[author] = true
          others = others + 1
        end
      end
    end
  end
  replies[i + 1] = others
end
return replies
"""


class NearDuplicate:
    """Other authors of nearly the same text in the window that ends with this post.

    The same text to the letter is not counted: that is `duplicate_text`, and nothing should weigh twice.
    Needs an author, and at least `simhash.SHORTEST` letters.

    Args:
        window_s: length of the window in seconds.
    """

    def __init__(self, window_s: int) -> None:
        self.observe = _OBSERVE
        self.read = _READ
        self.constants: tuple[str, ...] = (
            f"{window_s * 1000}",
            f"{window_s * 2000}",
            f"{2 * MOST}",
            f"{MOST}",
            f"{FARTHEST}",
        )

    def rows(self, batch: Sequence[Facts]) -> list[Row | None]:
        """The keys of the fingerprint's bands, and who posted it when."""
        rows: list[Row | None] = []
        for facts, fingerprint in zip(batch, simhashes([facts.text for facts in batch]), strict=True):
            author = facts.post.author
            if author is None or fingerprint is None:
                rows.append(None)
                continue
            packed = _ROW.pack(
                facts.at,
                name_of(facts.post.id),
                name_of(author.id),
                bytes.fromhex(facts.digest[:8]),
                fingerprint,
            )
            rows.append(Row(_bands(fingerprint), packed))
        return rows

    def value(self, reply: Any) -> float | None:
        """The count; None for a post that lies so far back that it is no longer kept."""
        return None if reply is None else float(reply)


def _bands(fingerprint: int) -> tuple[str, ...]:
    mask = (1 << _BAND_BITS) - 1
    return tuple(f"{band}:{fingerprint >> (band * _BAND_BITS) & mask:04x}" for band in range(BANDS))
