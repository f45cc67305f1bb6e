"""When the posts that differ were put on the topic."""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

_MOST: Final = 96
# In seconds; each divides the next, so slots can be put together. Beyond four weeks, twice the last.
_WIDTHS: Final = (1, 5, 10, 30, 60, 300, 900, 1800, 3600, 10800, 21600, 43200, 86400, 604800, 2419200)


class Slot(Struct):
    """Posts of one stretch of time.

    Attributes:
        posts: those compared.
        differing: those of them that differ.
    """

    posts: int = 0
    differing: int = 0


class Timeline(Struct, kw_only=True):
    """Posts by their records' timestamps, in slots of equal width: the finest that make at most 96.

    Which width that is follows from the earliest and the latest post alone, so the order does not matter.

    Attributes:
        width_s: of a slot, in seconds.
        slots: those that hold posts, by where they begin, in seconds since 1970.
    """

    width_s: int = _WIDTHS[0]
    slots: dict[int, Slot] = field(default_factory=dict)

    def add(self, timestamp_ms: int, *, differs: bool) -> None:
        """Counts one post."""
        second = timestamp_ms // 1000
        if second // self.width_s * self.width_s not in self.slots:
            self.slots[second // self.width_s * self.width_s] = Slot()
            self._widen()
        slot = self.slots[second // self.width_s * self.width_s]
        slot.posts += 1
        slot.differing += differs

    def sort(self) -> None:
        """Puts the slots in the order of time."""
        self.slots = dict(sorted(self.slots.items()))

    def _widen(self) -> None:
        first, last = min(self.slots), max(self.slots)
        width = self.width_s
        while last // width - first // width >= _MOST:
            width = next((wider for wider in _WIDTHS if wider > width), 2 * width)
        if width == self.width_s:
            return
        found: dict[int, Slot] = {}
        for start, slot in self.slots.items():
            whole = found.setdefault(start // width * width, Slot())
            whole.posts += slot.posts
            whole.differing += slot.differing
        self.width_s, self.slots = width, found
