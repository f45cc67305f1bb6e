"""What a signal is to the rest of Flagstaff.

A value is a number whose meaning the signal's own file states, or None where it can't be read: a field that
the post lacks, or Redis away. A missing value is never zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.signals.facts import Facts


# Begins the scripts of signals that look at the posts before one. It walks backwards from the post's own time
# and so meets the post at once, unless many share the millisecond: then it counts. One post in 16, told by
# its id, removes what lies far back: at every post that would cost a call a key.
EARLIER: Final = """
local window, ttl, kept = tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])

local function note(key, at, member)
  redis.call('ZADD', key, at, member)
  redis.call('PEXPIRE', key, ttl)
end

local function trim(key, rank)
  if rank > kept then redis.call('ZREMRANGEBYRANK', key, 0, rank - kept - 1) end
end

local function since(at) return '(' .. string.format('%.17g', at - window) end

-- A key's posts in the window before this one, latest first: a list, and the places of the first and last.
local function earlier(key, at, after, member, most)
  local limit = most + 8
  local found = redis.call('ZREVRANGEBYSCORE', key, at, after, 'LIMIT', 0, limit)
  local own = 1
  while found[own] and found[own] ~= member do own = own + 1 end
  if found[own] and (#found < limit or own + most <= #found) and string.byte(member, 8) % 16 > 0 then
    return found, own + 1, math.min(#found, own + most)
  end
  local rank = redis.call('ZRANK', key, member)
  local first = math.max(redis.call('ZCOUNT', key, '-inf', at - window), rank - most)
  local back, latest_first = {}, {}
  if first < rank then back = redis.call('ZRANGE', key, first, rank - 1) end
  for place = #back, 1, -1 do latest_first[#latest_first + 1] = back[place] end
  trim(key, rank)
  return latest_first, 1, #latest_first
end
"""


class PostSignal(Protocol):
    """A signal that needs nothing but the post."""

    def read(self, facts: Facts) -> float | None:
        """The value."""
        ...


class Row(NamedTuple):
    """What the scripts of a signal are given for one post.

    Attributes:
        keys: names of the keys below the signal's own prefix; every row of a signal has equally many.
        packed: the arguments; every row of a signal has equally many bytes. They begin with the event time
            and the digest of the post's id.
    """

    keys: tuple[str, ...]
    packed: bytes


class StateSignal(Protocol):
    """A signal that remembers other posts in Redis.

    The script is Lua, run by EVAL. It gets KEYS: the keys of all rows; ARGV[1]: their arguments, joined; then
    `constants`. Post by post it notes the post and reads, and it returns one reply a post.

    A post is noted under its own id, so one that is delivered again counts once. A reading looks only at
    posts before its own in the order of (event time, digest of the post's id). In that order a script is
    given the rows; so the order in which a batch's posts stand does not matter, and a post that is delivered
    again reads what it read at first.

    Attributes:
        script: notes posts and reads.
        constants: its further arguments.
    """

    script: str
    constants: tuple[str, ...]

    def rows(self, batch: Sequence[Facts]) -> list[Row | None]:
        """A row for each post, or None where the post lacks what the signal needs."""
        ...

    def value(self, reply: Any) -> float | None:
        """The value that a reply stands for."""
        ...


def constants(window_s: int, kept: int) -> tuple[str, str, str]:
    """The first constants of every signal: window and expiry in milliseconds; how many posts a key keeps.

    One post in 16 removes what lies more than the last of them before it.
    """
    return f"{window_s * 1000}", f"{window_s * 2000}", f"{kept}"
