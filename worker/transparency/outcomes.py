"""What became of each record of a range of the posts topic: one byte a record, so that months fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from worker.records import Action
from worker.stream.dead_letters import Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.replay.plan import Range

Outcome = Action | Stage

_NOTHING: Final = 0
_WAITING: Final = 1
_CODES: Final[dict[Outcome, int]] = {
    name: code for code, name in enumerate((*get_args(Stage), *get_args(Action)), start=2)
}


class Outcomes:
    """Records of the posts topic first, then dead letters, then flags: the last word of each post counts.

    Args:
        ranges: the range, by partition.

    Attributes:
        gone: flags and dead letters of the range whose post is no longer on the topic.
        again: flags and dead letters of posts that had one before.
    """

    def __init__(self, ranges: Sequence[Range]) -> None:
        self._first = {of.partition: of.first for of in ranges}
        self._codes = {of.partition: bytearray(of.end - of.first) for of in ranges}
        self._expired = {of.partition: of.expired for of in ranges}
        self.gone = 0
        self.again = 0

    def covers(self, partition: int, offset: int) -> bool:
        """Whether a place lies within the range."""
        codes = self._codes.get(partition)
        return codes is not None and 0 <= offset - self._first[partition] < len(codes)

    def may_have_expired(self, partition: int, offset: int) -> bool:
        """Whether a place lies before the range where records were deleted that may have been of it."""
        expired = self._expired.get(partition)
        return expired is not None and expired[0] <= offset <= expired[1]

    def post(self, partition: int, offset: int) -> None:
        """A record of the range."""
        self._codes[partition][offset - self._first[partition]] = _WAITING

    def decided(self, partition: int, offset: int, outcome: Outcome) -> bool:
        """A flag or a dead letter; False where its post is not on the topic, or no longer."""
        codes = self._codes[partition]
        place = offset - self._first[partition]
        before = codes[place] if place >= 0 else _NOTHING
        if before == _NOTHING:
            self.gone += 1
            return False
        self.again += before != _WAITING
        codes[place] = _CODES[outcome]
        return True

    def count(self, outcome: Outcome | None) -> int:
        """How many posts came out so; None: those of which nothing was published."""
        code = _WAITING if outcome is None else _CODES[outcome]
        return sum(codes.count(code) for codes in self._codes.values())
