"""One post's decision beside what was published of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import msgspec
from msgspec import Struct

from worker.judgement import ACTING
from worker.records import Action, Flag
from worker.replay.causes import Cause, SignalDifference, differing_fields, told, without_flag

if TYPE_CHECKING:
    from worker.candidate import Candidate
    from worker.replay.joining import Joined
    from worker.replay.plan import VariantStamp
    from worker.replay.published import Published

# `same`: equal to the byte. `unpublished`: nothing was published, and nothing is due.
Kind = Literal["same", "unpublished", "changed", "missing", "extra", "gone"]
AGREEING: Final[frozenset[Kind]] = frozenset({"same", "unpublished"})

FLAG: Final = msgspec.json.Decoder(Flag)
_ACTING: Final = frozenset(ACTING)


class Place(Struct, frozen=True):
    """Where the post stands in the posts topic."""

    partition: int
    offset: int


class Side(Struct, frozen=True, kw_only=True):
    """One of the two decisions, without its readings."""

    id: str
    action: Action
    score: float
    logit: float
    detector: str
    policy: str


class Difference(Struct, frozen=True, kw_only=True):
    """A line of `diff.jsonl`.

    Attributes:
        kind: `changed`: published otherwise; `missing`: published, and not due today; `extra`: due, and not
            published; `gone`: published, and its post is not there any more.
        source: the post's place.
        post_id: the post's id.
        causes: why, as far as it can be told.
        fields: fields of the flag that differ.
        published: the published decision; None for `extra`.
        replayed: today's decision; None for `gone`, and where the post could not be decided.
        signals: signals that read otherwise.
        published_flags: how many different flags the post has.
        error: why the post could not be decided, or its dead letter's stage.
    """

    kind: Kind
    source: Place
    post_id: str
    causes: tuple[Cause, ...]
    fields: tuple[str, ...] = ()
    published: Side | None = None
    replayed: Side | None = None
    signals: tuple[SignalDifference, ...] = ()
    published_flags: int = 0
    error: str | None = None


class Compared(NamedTuple):
    """What a comparison gives.

    Attributes:
        kind: of the result.
        difference: None for `same` and `unpublished`.
        open: signals whose cause is told by their own partition's reading.
    """

    kind: Kind
    difference: Difference | None = None
    open: tuple[str, ...] = ()


class Comparison:
    """A post between its decision and the comparison.

    Attributes:
        joined: the post with what was published of it.
        candidate: the same, as it was decided.
        flag: today's decision; None where it could not be decided.
        error: why not.
        same: whether one of its published flags is equal to the byte.
        published: else the flag that it is compared with, if there is one.
        as_recorded: today's decision with that flag's readings; None where it could not be made.
    """

    __slots__ = ("as_recorded", "candidate", "error", "flag", "joined", "published", "same")

    def __init__(self, joined: Joined, candidate: Candidate, flag: Flag | None, error: str | None) -> None:
        self.joined = joined
        self.candidate = candidate
        self.flag = flag
        self.error = error
        self.same = False
        self.published: Flag | None = None
        self.as_recorded: Flag | None = None


def compare(one: Comparison, *, emit_all: bool) -> Compared:
    """A decision beside what was published.

    Args:
        one: both of them.
        emit_all: whether every decision is due to be published, or only what acts.
    """
    if one.same:
        return Compared("same")
    replayed, published = one.flag, one.published
    due = replayed is not None and (emit_all or replayed.action in _ACTING)
    if published is None:
        return _unflagged(one.joined, replayed, due=due)
    place = Place(one.joined.partition, one.joined.offset)
    number = len(one.joined.flags)
    if replayed is None:
        failed = Difference(
            kind="missing",
            source=place,
            post_id=one.joined.post.id,
            causes=("failed",),
            published=side(published),
            published_flags=number,
            error=one.error,
        )
        return Compared("missing", failed)
    found = told(published, replayed, one.as_recorded)
    difference = Difference(
        kind="changed" if due else "missing",
        source=place,
        post_id=one.joined.post.id,
        causes=found.causes,
        fields=differing_fields(published, replayed),
        published=side(published),
        replayed=side(replayed),
        signals=found.signals,
        published_flags=number,
    )
    return Compared(difference.kind, difference, found.open)


def gone(published: Published) -> Difference:
    """A flag whose post is not there any more."""
    flag = FLAG.decode(published.flag or "")
    return Difference(
        kind="gone",
        source=Place(published.partition, published.offset),
        post_id=flag.post_id,
        causes=("post_gone",),
        published=side(flag),
        published_flags=1,
    )


def _unflagged(one: Joined, replayed: Flag | None, *, due: bool) -> Compared:
    if replayed is None or not due:
        return Compared("unpublished")
    difference = Difference(
        kind="extra",
        source=Place(one.partition, one.offset),
        post_id=one.post.id,
        causes=without_flag(one.stage, one.in_force, replayed),
        replayed=side(replayed),
        error=None if one.stage is None else f"dead letter, stage {one.stage}",
    )
    return Compared("extra", difference)


def nearest(one: Joined, stamp: VariantStamp) -> Flag:
    """Of a post's flags the latest by the same detector and policy, else the latest."""
    flags = [FLAG.decode(flag) for flag in one.flags]
    for flag in reversed(flags):
        if (flag.detector.digest, flag.policy.digest) == (stamp.detector.digest, stamp.policy.digest):
            return flag
    return flags[-1]


def side(flag: Flag) -> Side:
    """A flag without its readings."""
    return Side(
        id=flag.id,
        action=flag.action,
        score=flag.score,
        logit=flag.detector.logit,
        detector=flag.detector.digest,
        policy=flag.policy.digest,
    )
