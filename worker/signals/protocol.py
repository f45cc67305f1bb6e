"""What a signal is to the rest of Flagstaff.

A value is a number whose meaning the signal's own file states, or None where it can't be read: a field that
the post lacks, or Redis away. A missing value is never zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.signals.facts import Facts


# Posts under one key in one batch that are all read rightly.
_IN_A_BATCH: Final = 4_096


class PostSignal(Protocol):
    """A signal that needs nothing but the post."""

    def read(self, facts: Facts) -> float | None:
        """The value."""
        ...


class Row(NamedTuple):
    """What the scripts of a signal are given for one post.

    Attributes:
        keys: names of the keys below the signal's own prefix; every row of a signal has equally many.
        packed: the arguments; every row of a signal has equally many bytes.
    """

    keys: tuple[str, ...]
    packed: bytes


class StateSignal(Protocol):
    """A signal that remembers other posts in Redis.

    Both scripts are Lua, run by EVAL. They get KEYS: the keys of all rows, in the order of event time;
    ARGV[1]: their arguments, joined; then `constants`. `observe` notes the posts and returns nothing; `read`
    comes after it in the same round trip and returns one reply a post.

    A post is noted under its own id, so one that is delivered again counts once. A reading looks only at
    posts before its own in the order of (event time, digest of the post's id), so the order in which a
    batch's posts stand does not matter, and a post that is delivered again reads what it read at first.

    Attributes:
        observe: the script that notes posts.
        read: the script that reads.
        constants: further arguments of both scripts.
    """

    observe: str
    read: str
    constants: tuple[str, ...]

    def rows(self, batch: Sequence[Facts]) -> list[Row | None]:
        """A row for each post, or None where the post lacks what the signal needs."""
        ...

    def value(self, reply: Any) -> float | None:
        """The value that a reply stands for."""
        ...


def constants(window_s: int, kept: int) -> tuple[str, str, str, str]:
    """The first constants of every signal: window and expiry in milliseconds; bounds on a key's members.

    A key never has more members than the third. Reading a post removes what lies more than the fourth before
    it, so a flood that comes in one batch is read whole and leaves little behind.
    """
    return f"{window_s * 1000}", f"{window_s * 2000}", f"{kept + _IN_A_BATCH}", f"{kept}"
