"""How often the author posts."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from worker.signals.facts import name_of
from worker.signals.protocol import EARLIER, Row, constants

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.signals.facts import Facts

# Beyond this many posts in the window the count stands still.
MOST: Final = 256
# Twice as many are kept, so that a post delivered again after others still reads what it read at first.
_KEPT: Final = 2 * MOST
_ROW: Final = struct.Struct(">d8s")

# A sorted set an author: event time, post. Equal times are ordered by the member's bytes.
_SCRIPT: Final = f"""{EARLIER}
local replies = {{}}
for i, key in ipairs(KEYS) do
  local at, post = struct.unpack('>dc8', ARGV[1], (i - 1) * 16 + 1)
  note(key, at, post)
  local rank = redis.call('ZRANK', key, post)
  replies[i] = rank + 1 - redis.call('ZCOUNT', key, '-inf', at - window)
  trim(key, rank)
end
return replies
"""


class PostingRate:
    """Posts of the author in the window that ends with this post, itself included; at most `MOST`.

    Args:
        window_s: length of the window in seconds.
    """

    def __init__(self, window_s: int) -> None:
        self.script = _SCRIPT
        self.constants: tuple[str, ...] = constants(window_s, _KEPT)

    def rows(self, batch: Sequence[Facts]) -> list[Row | None]:
        """The author's key, and when which post came."""
        return [
            Row((name_of(facts.post.author.id).hex(),), _ROW.pack(facts.at, name_of(facts.post.id)))
            if facts.post.author is not None
            else None
            for facts in batch
        ]

    def value(self, reply: Any) -> float | None:
        """The count; None for a post that lies so far back that it is no longer kept."""
        return None if reply is None else float(min(max(reply, 1), MOST))
