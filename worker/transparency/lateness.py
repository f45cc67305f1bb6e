"""When posts waited longer than they should: told from the posts' times and those of their flags alone."""

from __future__ import annotations

from collections import defaultdict
from typing import Final, NamedTuple

MINUTE_MS: Final = 60_000


class Stretch(NamedTuple):
    """Whole minutes in which some post was overdue.

    Attributes:
        begin: the first minute, since 1970.
        end: the minute after the last.
        flags: how many flags came late of posts that became overdue in it.
    """

    begin: int
    end: int
    flags: int


class Lateness:
    """Adds up when posts were overdue.

    A post is overdue from `bound_ms` after its record's timestamp until its flag was decided.

    Args:
        start_ms: where the period begins, in milliseconds since 1970.
        end_ms: where it ends.
        bound_ms: how long a post may wait.

    Attributes:
        late: flags of posts that were overdue at any time.
    """

    def __init__(self, start_ms: int, end_ms: int, bound_ms: int) -> None:
        self._start_ms, self._end_ms, self._bound_ms = start_ms, end_ms, bound_ms
        self._begun: defaultdict[int, int] = defaultdict(int)
        self._ended: defaultdict[int, int] = defaultdict(int)
        self.late = 0

    def add(self, posted_ms: int, decided_ms: int) -> None:
        """A flag: when its post was made, and when it was decided."""
        due_ms = posted_ms + self._bound_ms
        if decided_ms <= due_ms:
            return
        self.late += 1
        begin_ms, end_ms = max(due_ms, self._start_ms), min(decided_ms, self._end_ms)
        if begin_ms < end_ms:
            self._begun[begin_ms // MINUTE_MS] += 1
            self._ended[-(-end_ms // MINUTE_MS)] += 1

    def stretches(self) -> list[Stretch]:
        """When posts were overdue within the period, in order; none touches another."""
        found: list[Stretch] = []
        open_, begin, flags = 0, 0, 0
        for minute in sorted(self._begun.keys() | self._ended.keys()):
            if not open_:
                begin, flags = minute, 0
            open_ += self._begun[minute] - self._ended[minute]
            flags += self._begun[minute]
            if not open_:
                found.append(Stretch(begin, minute, flags))
        return found
