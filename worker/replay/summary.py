"""What a replay came to, in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from worker.replay.causes import Cause
from worker.replay.differences import AGREEING, Kind
from worker.replay.plan import Stamp, VariantStamp
from worker.replay.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from worker.replay.differences import Difference
    from worker.replay.parts import Gap, Trailer
    from worker.replay.plan import Range


class Missing(Struct, frozen=True, kw_only=True):
    """A line of `missing.jsonl`: offsets of the range that hold no record (any more), both ends included.

    `why`: `expired`: deleted, by retention or on demand; `possibly expired`: deleted, and it is not known
    whether all of them were of this range; `no record`: removed by compaction, of a transaction that was
    aborted, or the marker at a transaction's end.
    """

    partition: int
    first: int
    last: int
    why: str


class PartitionCounts(Struct, kw_only=True):
    """What lay in one partition of the range.

    Attributes:
        partition: its number.
        first: its first offset.
        last: its last one; less than `first` where there is none.
        records: records read.
        posts: those that are posts.
        tombstones: those without a value.
        broken: those that are no posts, by reason.
        expired: offsets that were deleted for certain.
        possibly_expired: offsets that were deleted, and may have been of this range.
        no_record: offsets that hold none.
        flagged_and_gone: flags whose post is not there (any more).
        warm_records: records before the range that were read for the signals.
    """

    partition: int
    first: int
    last: int
    records: int = 0
    posts: int = 0
    tombstones: int = 0
    broken: dict[str, int] = field(default_factory=dict)
    expired: int = 0
    possibly_expired: int = 0
    no_record: int = 0
    flagged_and_gone: int = 0
    warm_records: int = 0


class Tally(Struct, kw_only=True):
    """What one variant decided, and how that compares.

    Attributes:
        decided: posts decided.
        failed: posts that could not be decided, by stage and error.
        not_recorded: posts without a published flag, whose readings were therefore not recorded.
        actions: decisions by action.
        kinds: results of the comparison.
        causes: differences by cause; one may have several.
        fields: differences by field of the flag.
        transitions: differences by action, as in `pass -> review`; `-` where there is none.
        several_flags: posts with several different flags.
        partitions: results of the comparison, by partition.
        timeline: posts compared, by the time at which they were put on the topic.
    """

    decided: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    not_recorded: int = 0
    actions: dict[str, int] = field(default_factory=dict)
    kinds: dict[Kind, int] = field(default_factory=dict)
    causes: dict[Cause, int] = field(default_factory=dict)
    fields: dict[str, int] = field(default_factory=dict)
    transitions: dict[str, int] = field(default_factory=dict)
    several_flags: int = 0
    partitions: dict[int, dict[Kind, int]] = field(default_factory=dict)
    timeline: Timeline = field(default_factory=Timeline)

    def compared(self, kind: Kind, partition: int, timestamp_ms: int | None = None) -> None:
        """Counts one result; `timestamp_ms`: of the post's record, None where that is gone."""
        _add(self.kinds, kind)
        _add(self.partitions.setdefault(partition, {}), kind)
        if timestamp_ms is not None:
            self.timeline.add(timestamp_ms, differs=kind not in AGREEING)

    def sort(self) -> None:
        """Puts all counts in an order that does not depend on that of the posts."""
        for name in ("failed", "actions", "kinds", "causes", "fields", "transitions", "partitions"):
            setattr(self, name, dict(sorted(getattr(self, name).items())))
        self.partitions = {number: dict(sorted(kinds.items())) for number, kinds in self.partitions.items()}
        self.timeline.sort()

    def count(self, difference: Difference) -> None:
        """Counts one difference."""
        for cause in difference.causes:
            _add(self.causes, cause)
        for name in difference.fields:
            _add(self.fields, name)
        before = difference.published.action if difference.published is not None else "-"
        now = difference.replayed.action if difference.replayed is not None else "-"
        _add(self.transitions, f"{before} -> {now}")


class PublishedBy(Struct, frozen=True, kw_only=True):
    """How many of the range's flags one detector under one policy decided."""

    detector: Stamp
    policy: Stamp
    flags: int


class Summary(Struct, kw_only=True):
    """`summary.json`.

    Attributes:
        schema: of this file.
        asked: the range, whose readings counted, and what would be published.
        variant: what decided.
        settings: what decisions follow from; nothing of how Kafka and Redis are reached.
        versions: of Flagstaff and Python.
        partitions: what lay in each partition.
        flags_read: published flags of the range.
        unreadable_flags: records of the flags topic that are no flags.
        published_by: which detectors and policies the published flags are of; several in a staged release.
        result: the counts.
    """

    schema: str = "replay-summary.v1"
    asked: dict[str, Any]
    variant: VariantStamp
    settings: dict[str, Any]
    versions: dict[str, str]
    partitions: tuple[PartitionCounts, ...]
    flags_read: int
    unreadable_flags: int
    published_by: tuple[PublishedBy, ...] = ()
    result: Tally


def _add(counts: dict[Any, int], key: Any, more: int = 1) -> None:
    counts[key] = counts.get(key, 0) + more


def add(counts: dict[Any, int], key: Any) -> None:
    """One more of `key`."""
    _add(counts, key)


def partition_counts(range_: Range, trailers: Iterable[Trailer]) -> PartitionCounts:
    """A partition's counts, as its parts tell them."""
    counts = PartitionCounts(partition=range_.partition, first=range_.first, last=range_.end - 1)
    for trailer in trailers:
        counts.records += trailer.records
        counts.tombstones += trailer.tombstones
        counts.warm_records += trailer.warm_records
        for reason, number in trailer.broken.items():
            _add(counts.broken, reason, number)
    counts.broken = dict(sorted(counts.broken.items()))
    counts.posts = counts.records - counts.tombstones - sum(counts.broken.values())
    return counts


def missing(range_: Range, trailers: Iterable[Trailer]) -> Iterator[Missing]:
    """The offsets of a range that hold no record, neighbours in one line."""
    if range_.expired is not None:
        first, last = range_.expired
        why = "expired" if range_.certain else "possibly expired"
        yield Missing(partition=range_.partition, first=first, last=last, why=why)
    held: Gap | None = None
    for trailer in trailers:
        for gap in trailer.gaps:
            if held is not None and gap.expired == held.expired and gap.first == held.last + 1:
                held = type(gap)(held.first, gap.last, held.expired)
                continue
            yield from _line(range_, held)
            held = gap
    yield from _line(range_, held)


def count_missing(counts: PartitionCounts, lines: Iterable[Missing]) -> Iterator[Missing]:
    """The same lines, counted as they pass."""
    for line in lines:
        number = line.last - line.first + 1
        if line.why == "expired":
            counts.expired += number
        elif line.why == "possibly expired":
            counts.possibly_expired += number
        else:
            counts.no_record += number
        yield line


def _line(range_: Range, gap: Gap | None) -> Iterator[Missing]:
    if gap is not None and gap.last >= range_.first:
        yield Missing(
            partition=range_.partition,
            first=max(gap.first, range_.first),
            last=gap.last,
            why="expired" if gap.expired else "no record",
        )
