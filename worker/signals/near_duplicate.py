"""How many others posted nearly the same text."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from worker.signals.facts import name_of
from worker.signals.minhash import signatures
from worker.signals.protocol import EARLIER, Row, constants

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.signals.facts import Facts

# Of the 25 hashes of two texts so many must agree. Of 85 million pairs of different tweets 25 do and meet in
# a band; the least alike of those share half of their sequences.
NEAR: Final = 19
# Latest posts of a band that are looked at. With 65,536 values a band this covers the latest 8 million posts.
MOST: Final = 128
_ROW: Final = struct.Struct(">d8s8s4s25s")

# A sorted set a band and its value: event time; post, author, start of the text's digest, the hashes' bytes.
# Most of those that share a band's value by accident differ in the band's own bytes, so these come first.
_SCRIPT: Final = f"""{EARLIER}
local most, near, replies = tonumber(ARGV[5]), tonumber(ARGV[6]), {{}}

local function is_near(own, other)
  local others, agreeing = {{string.byte(other, 21, 45)}}, 0
  for hash = 1, 25 do
    if own[hash] == others[hash] then agreeing = agreeing + 1 end
  end
  return agreeing >= near
end

for i = 0, #KEYS / 5 - 1 do
  local at, member = struct.unpack('>dc45', ARGV[1], i * 53 + 1)
  local after, text, own = since(at), string.sub(member, 17, 20), {{string.byte(member, 21, 45)}}
  local seen, others = {{[string.sub(member, 9, 16)] = true}}, 0
  for band = 1, 5 do
    local key = KEYS[i * 5 + band]
    note(key, at, member)
    local from, to = 16 + 5 * band, 20 + 5 * band
    local bytes = string.sub(member, from, to)
    local posts, first, last = earlier(key, at, after, member, most)
    for place = first, last do
      local other = posts[place]
      local author = string.sub(other, 9, 16)
      if string.sub(other, from, to) == bytes and not seen[author]
        and string.sub(other, 17, 20) ~= text and is_near(own, other) then
        seen[author] = true
        others = others + 1
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
    Needs an author, and at least `minhash.SHORTEST` letters.

    Args:
        window_s: length of the window in seconds.
    """

    def __init__(self, window_s: int) -> None:
        self.script = _SCRIPT
        self.constants: tuple[str, ...] = (
            *constants(window_s, 2 * MOST),
            f"{MOST}",
            f"{NEAR}",
        )

    def rows(self, batch: Sequence[Facts]) -> list[Row | None]:
        """The keys of the signature's bands, and who posted it when."""
        rows: list[Row | None] = []
        for facts, signature in zip(batch, signatures([facts.text for facts in batch]), strict=True):
            author = facts.post.author
            if author is None or signature is None:
                rows.append(None)
                continue
            packed = _ROW.pack(
                facts.at,
                name_of(facts.post.id),
                name_of(author.id),
                bytes.fromhex(facts.digest[:8]),
                signature.bytes,
            )
            rows.append(
                Row(tuple(f"{band}:{value:04x}" for band, value in enumerate(signature.bands)), packed)
            )
        return rows

    def value(self, reply: Any) -> float | None:
        """The count; None for a post that lies so far back that it is no longer kept."""
        return None if reply is None else float(reply)
