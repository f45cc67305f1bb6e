"""Scored posts side by side with what was published of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from worker.records import Post
from worker.replay.parts import Score
from worker.replay.plan import Stamp
from worker.signals.facts import milliseconds, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from worker.replay.parts import Scored
    from worker.replay.plan import Range
    from worker.replay.published import Published


class Joined(Struct, array_like=True):
    """A post of the range or of what lies before it, ready to be decided.

    Attributes:
        at: event time in milliseconds since 1970: the post's own, else the record's.
        name: a digest of the post's id, which orders posts of the same millisecond.
        partition: where it stands.
        offset: as above.
        timestamp: the record's, in milliseconds since 1970.
        warm: whether it only builds the signal state.
        post: the post.
        scores: the word of each detector.
        flags: what was published of it, the latest last.
        stage: the stage of its dead letter, if it has one.
        in_force: digests of the detector and the policy of the nearest flag before it in its partition.
    """

    at: int
    name: int
    partition: int
    offset: int
    timestamp: int
    warm: bool
    post: Post
    scores: tuple[Score | str, ...]
    flags: tuple[str, ...] = ()
    stage: str | None = None
    in_force: tuple[str, str] | None = None


class _Stamped(Struct):
    detector: Stamp
    policy: Stamp


_STAMPED: Final = msgspec.json.Decoder(_Stamped)


def event_order(one: Joined) -> tuple[int, ...]:
    """The order in which signals read: event time, digest of the id; then the place, so none are alike."""
    return one.at, one.name, one.partition, one.offset


class Join:
    """Walks over a range's posts and what was published of it, both in the order of places.

    Args:
        published: sorted by the posts' places.
        gone: called with each flag whose post is not there (any more).

    Attributes:
        published_by: how many flags each detector under each policy decided, so far.
    """

    def __init__(self, published: Iterator[Published], gone: Callable[[Published], None]) -> None:
        self._published = published
        self._next = next(published, None)
        self._in_force: tuple[str, str] | None = None
        self._gone = gone
        self.published_by: dict[tuple[Stamp, Stamp], int] = {}

    def of(self, range_: Range, posts: Iterable[Scored]) -> Iterator[Joined]:
        """The posts of one partition; partitions must come in ascending order."""
        self._in_force = None
        for scored in posts:
            place = range_.partition, scored.offset
            flags: list[str] = []
            stage = None
            while self._next is not None and (self._next.partition, self._next.offset) <= place:
                one = self._take(self._next)
                if (one.partition, one.offset) < place:
                    self._miss(one)
                elif one.flag is None:
                    stage = one.stage
                elif one.flag not in flags:
                    flags.append(one.flag)
            yield joined(scored, range_, flags=tuple(flags), stage=stage, in_force=self._in_force)

    def rest(self) -> None:
        """What is left over belongs to no post."""
        while self._next is not None:
            self._miss(self._take(self._next))

    def _take(self, one: Published) -> Published:
        self._next = next(self._published, None)
        if one.flag is not None:
            stamped = _STAMPED.decode(one.flag)
            self._in_force = stamped.detector.digest, stamped.policy.digest
            pair = stamped.detector, stamped.policy
            self.published_by[pair] = self.published_by.get(pair, 0) + 1
        return one

    def _miss(self, one: Published) -> None:
        if one.flag is not None:
            self._gone(one)


def joined(
    scored: Scored,
    range_: Range,
    *,
    flags: tuple[str, ...] = (),
    stage: str | None = None,
    in_force: tuple[str, str] | None = None,
) -> Joined:
    """A scored post with its place in the order of event time."""
    post = scored.post
    return Joined(
        at=scored.timestamp if post.created_at is None else milliseconds(post.created_at),
        name=int.from_bytes(name_of(post.id)),
        partition=range_.partition,
        offset=scored.offset,
        timestamp=scored.timestamp,
        warm=scored.offset < range_.first,
        post=post,
        scores=scored.scores,
        flags=flags,
        stage=stage,
        in_force=in_force,
    )
