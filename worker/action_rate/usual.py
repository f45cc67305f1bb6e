"""The usual share of an action, learned over a long sliding count of posts."""

from __future__ import annotations

from collections import deque
from statistics import median
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_BLOCKS: Final = 100
_ENOUGH: Final = 10


class UsualShare:
    """The median over the shares of the latest blocks of posts.

    A median is not moved far by what happens in less than half of the blocks, however bad it is, so an
    unnoticed hour of trouble does not become the usual.

    Args:
        posts: the sliding count; a block is a hundredth of it.
        shares: those of earlier blocks, the oldest first.
    """

    def __init__(self, posts: int, shares: Iterable[float] = ()) -> None:
        self._block = max(1, posts // _BLOCKS)
        self._shares = deque(shares, maxlen=_BLOCKS)
        self.forget_block()
        self._find()

    @property
    def value(self) -> float | None:
        """The share; None until ten blocks are full."""
        return self._value

    @property
    def shares(self) -> tuple[float, ...]:
        """Those of the full blocks, the oldest first."""
        return tuple(self._shares)

    def add(self, hits: int, posts: int) -> bool:
        """Takes posts in; returns whether that filled a block."""
        self._hits += hits
        self._posts += posts
        if self._posts < self._block:
            return False
        self._shares.append(self._hits / self._posts)
        self.forget_block()
        self._find()
        return True

    def forget_block(self) -> None:
        """Forgets the posts of the block that is not full yet."""
        self._hits = self._posts = 0

    def _find(self) -> None:
        self._value = median(self._shares) if len(self._shares) >= _ENOUGH else None
