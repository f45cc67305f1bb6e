"""How many others posted the same text."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from worker.signals.facts import name_of
from worker.signals.protocol import Row, constants

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.signals.facts import Facts

# "Happy birthday!" is posted by thousands who don't know each other: a shorter text says nothing.
SHORTEST: Final = 32
# Latest posts of a text that are looked at; the count stands still at as many authors.
MOST: Final = 256
_KEPT: Final = 2 * MOST
_ROW: Final = struct.Struct(">d8s8s")

# A sorted set a text: event time, post and author.
_OBSERVE: Final = """
local ttl, bound = ARGV[3], tonumber(ARGV[4])
for i, key in ipairs(KEYS) do
  local at, member = struct.unpack('>dc16', ARGV[1], (i - 1) * 24 + 1)
  redis.call('ZADD', key, at, member)
  redis.call('ZREMRANGEBYRANK', key, 0, -bound - 1)
  redis.call('PEXPIRE', key, ttl)
end
"""
_READ: Final = """
local window, kept, replies = tonumber(ARGV[2]), tonumber(ARGV[5]), {}
local most = tonumber(ARGV[6])
for i, key in ipairs(KEYS) do
  local at, member = struct.unpack('>dc16', ARGV[1], (i - 1) * 24 + 1)
  local rank = redis.call('ZRANK', key, member)
  local others = false
  if rank then
    local seen = {[string.sub(member, 9)] = true}
    local first = math.max(redis.call('ZCOUNT', key, '-inf', at - window), rank - most)
    others = 0
    if first < rank then
      for _, earlier in ipairs(redis.call('ZRANGE', key, first, rank - 1)) do
        local author = string.sub(earlier, 9)
        if not seen[author] then
          seen[author] = true
          others = others + 1
        end
      end
    end
    if rank > kept then redis.call('ZREMRANGEBYRANK', key, 0, rank - kept - 1) end
  end
  replies[i] = others
end
return replies
"""


class DuplicateText:
    """Other authors of the same canonical text in the window that ends with this post; at most `MOST`.

    Needs an author, and a text of at least `SHORTEST` characters.

    Args:
        window_s: length of the window in seconds.
    """

    def __init__(self, window_s: int) -> None:
        self.observe = _OBSERVE
        self.read = _READ
        self.constants: tuple[str, ...] = (*constants(window_s, _KEPT), f"{MOST}")

    def rows(self, batch: Sequence[Facts]) -> list[Row | None]:
        """The text's key, and who posted it when."""
        return [
            Row(
                (facts.digest,),
                _ROW.pack(facts.at, name_of(facts.post.id), name_of(facts.post.author.id)),
            )
            if facts.post.author is not None and len(facts.text) >= SHORTEST
            else None
            for facts in batch
        ]

    def value(self, reply: Any) -> float | None:
        """The count; None for a post that lies so far back that it is no longer kept."""
        return None if reply is None else float(reply)
