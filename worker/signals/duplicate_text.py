"""How many others posted the same text."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from worker.signals.facts import name_of
from worker.signals.protocol import EARLIER, Row, constants

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
_SCRIPT: Final = f"""{EARLIER}
local most, replies = tonumber(ARGV[5]), {{}}
for i, key in ipairs(KEYS) do
  local at, member = struct.unpack('>dc16', ARGV[1], (i - 1) * 24 + 1)
  note(key, at, member)
  local seen, others = {{[string.sub(member, 9)] = true}}, 0
  local posts, first, last = earlier(key, at, since(at), member, most)
  for place = first, last do
    local author = string.sub(posts[place], 9)
    if not seen[author] then
      seen[author] = true
      others = others + 1
    end
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
        self.script = _SCRIPT
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
