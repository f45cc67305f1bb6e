"""What the topics hold of a period."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections import Counter

    from worker.records import Action, Appeal
    from worker.review.entry import Entry
    from worker.transparency.lateness import Lateness
    from worker.transparency.outcomes import Outcomes


class Period(NamedTuple):
    """What is reported on.

    Attributes:
        start_ms: where it begins, in milliseconds since 1970.
        end_ms: where it ends; that moment is not part of it.
        late_ms: how long a post may wait for its flag before it is overdue.
    """

    start_ms: int
    end_ms: int
    late_ms: int

    @property
    def start(self) -> datetime:
        """Where it begins."""
        return datetime.fromtimestamp(self.start_ms / 1000, UTC)

    @property
    def end(self) -> datetime:
        """Where it ends."""
        return datetime.fromtimestamp(self.end_ms / 1000, UTC)


class Decider(NamedTuple):
    """A detector, as flags state it."""

    name: str
    digest: str
    threshold: float | None
    bound: float | None


class Found(NamedTuple):
    """What the topics hold of a period.

    Attributes:
        outcomes: what became of each post.
        tombstones: records of the posts topic that tell of a deletion.
        deciders: how many flags each detector has a part in.
        lateness: when posts were overdue.
        actions: what the flags propose on which the staff decided in the period.
        entries: what the staff did before its end.
        appeals: the appeals before its end.
        expired: the topics, as the settings call them, whose oldest records were deleted, so that some of the
            period may be missing.
        unreadable: how many records of each topic are none of what it should hold.
    """

    outcomes: Outcomes
    tombstones: int
    deciders: Counter[Decider]
    lateness: Lateness
    actions: dict[str, Action]
    entries: list[Entry]
    appeals: list[Appeal]
    expired: tuple[str, ...]
    unreadable: Counter[str]
