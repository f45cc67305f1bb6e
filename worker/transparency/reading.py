"""Reads the topics of a period: posts, flags, dead letters, decisions, appeals. Nothing is written."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, get_args

import msgspec

from worker.records import Appeal, Flag
from worker.replay.kafka_range import KafkaRange
from worker.review.entry import from_record
from worker.signals.facts import milliseconds
from worker.stream.dead_letters import SOURCE, STAGE, Stage
from worker.transparency.found import Decider, Found
from worker.transparency.lateness import Lateness
from worker.transparency.outcomes import Outcomes
from worker.transparency.reviews import decided_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from worker.records import Action
    from worker.replay.plan import Range
    from worker.replay.reading import Read
    from worker.review.entry import Entry
    from worker.settings import Settings
    from worker.transparency.found import Period

    Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]

# A flag follows its post. Producers' clocks may run so far ahead of the worker's.
_CLOCKS_MS: Final = 3_600_000
_What = Literal["posts", "flags", "dead_letters", "decisions", "appeals"]
_STAGES: Final[tuple[Stage, ...]] = get_args(Stage)
_FLAG: Final = msgspec.json.Decoder(Flag)
_APPEAL: Final = msgspec.json.Decoder(Appeal)


def read(settings: Settings, period: Period, progress: Progress) -> Found:
    """What is committed of the period.

    Args:
        settings: how Kafka is reached, and the names of the topics.
        period: which.
        progress: shows how far a topic is read, as `worker.commands.progress` does.

    Raises:
        KafkaError: Kafka can't be read.
        BrokerError: a topic does not exist, or can't be read to its end.
    """
    return _Topics(settings, period, progress).read()


class _Topics:
    """One pass over each topic."""

    def __init__(self, settings: Settings, period: Period, progress: Progress) -> None:
        self._settings = settings
        self._period = period
        self._progress = progress
        self._unreadable: Counter[str] = Counter()
        self._expired: list[_What] = []

    def read(self) -> Found:
        period = self._period
        entries = list(self._entries())
        appeals = list(self._appeals())
        outcomes, tombstones = self._posts()
        # Dead letters before flags: a post that was decided after all has its flag.
        for partition, offset, stage in self._letters(outcomes):
            outcomes.decided(partition, offset, stage)
        lateness = Lateness(period.start_ms, period.end_ms, period.late_ms)
        deciders: Counter[Decider] = Counter()
        wanted = decided_on(entries, period.start, period.end)
        actions: dict[str, Action] = {}
        for record, flag in self._flags(outcomes):
            if not outcomes.decided(flag.source.partition, flag.source.offset, flag.action):
                continue
            detector = flag.detector
            deciders[
                Decider(detector.name, detector.digest, detector.threshold, detector.false_positive_bound)
            ] += 1
            if flag.id in wanted:
                actions[flag.id] = flag.action
            if (decided_ms := _decided_at(record)) is None:
                self._unreadable["flags"] += 1
            else:
                lateness.add(flag.source.timestamp, decided_ms)
        return Found(
            outcomes,
            tombstones,
            deciders,
            lateness,
            actions,
            entries,
            appeals,
            tuple(dict.fromkeys(self._expired)),
            self._unreadable,
        )

    def _posts(self) -> tuple[Outcomes, int]:
        tombstones = 0
        with closing(self._topic("posts")) as topic:
            ranges = topic.by_time(self._period.start_ms, self._period.end_ms, window_s=0)
            outcomes = Outcomes(ranges)
            for of, record in self._records(topic, "posts", ranges):
                if record.value is None:
                    tombstones += 1
                else:
                    outcomes.post(of.partition, record.offset)
        return outcomes, tombstones

    def _letters(self, outcomes: Outcomes) -> Iterator[tuple[int, int, Stage]]:
        """Place and stage of the dead letters of the range's posts; markers of a redrive name no place."""
        for _, record in self._since("dead_letters", self._period.start_ms - _CLOCKS_MS):
            headers = {key: (value or b"").decode(errors="replace") for key, value in record.headers}
            topic, _, place = headers.get(SOURCE, "").partition("/")
            partition, _, offset = place.partition("/")
            stage = next((one for one in _STAGES if one == headers.get(STAGE)), None)
            # A topic's own partitions and offsets are numbers; a forged header's need not be.
            if topic != self._settings.topics.posts or not (partition.isdecimal() and offset.isdecimal()):
                continue
            if stage is not None and outcomes.covers(int(partition), int(offset)):
                yield int(partition), int(offset), stage

    def _flags(self, outcomes: Outcomes) -> Iterator[tuple[Read, Flag]]:
        """The flags of the range's posts."""
        for _, record in self._since("flags", self._period.start_ms - _CLOCKS_MS):
            try:
                flag = _FLAG.decode(record.value or b"")
            except (msgspec.MsgspecError, UnicodeDecodeError):
                self._unreadable["flags"] += 1
                continue
            of = flag.source
            if of.topic == self._settings.topics.posts and (
                outcomes.covers(of.partition, of.offset)
                # Of a post that is gone the flag alone knows the time.
                or (
                    outcomes.may_have_expired(of.partition, of.offset)
                    and self._period.start_ms <= of.timestamp < self._period.end_ms
                )
            ):
                yield record, flag

    def _entries(self) -> Iterator[Entry]:
        name = self._settings.topics.decisions
        for of, record in self._since("decisions", 0):
            entry = from_record(_Placed(name, of.partition, record.offset, record.value, record.headers))
            if entry is None:
                self._unreadable["decisions"] += 1
            elif entry.at < self._period.end and not entry.exercise:
                yield entry

    def _appeals(self) -> Iterator[Appeal]:
        for _, record in self._since("appeals", 0):
            try:
                appeal = _APPEAL.decode(record.value or b"")
            except (msgspec.MsgspecError, UnicodeDecodeError):
                self._unreadable["appeals"] += 1
                continue
            if appeal.appealed_at < self._period.end:
                yield appeal

    def _topic(self, what: _What) -> KafkaRange:
        return KafkaRange(self._settings.kafka, getattr(self._settings.topics, what))

    def _since(self, what: _What, start_ms: int) -> Iterator[tuple[Range, Read]]:
        with closing(self._topic(what)) as topic:
            yield from self._records(topic, what, topic.whole(max(0, start_ms)))

    def _records(
        self, topic: KafkaRange, what: _What, ranges: Sequence[Range]
    ) -> Iterator[tuple[Range, Read]]:
        """The records of ranges of a topic, partition after partition."""
        if any(of.expired is not None for of in ranges):
            self._expired.append(what)
        total = sum(of.end - of.first for of in ranges)
        before = 0
        with self._progress(f"offsets of {what}", total) as update:
            for of in ranges:
                for stretch in topic.read(of, of.first):
                    if stretch.expired:
                        self._expired.append(what)
                    for record in stretch.records:
                        yield of, record
                    update(before + stretch.position - of.first)
                before += of.end - of.first


class _Placed(NamedTuple):
    """A record with its place, as the console's reader takes it."""

    topic: str
    partition: int
    offset: int
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


def _decided_at(record: Read) -> int | None:
    """When a flag was decided, in milliseconds since 1970; None where it does not say."""
    for name, value in record.headers:
        if name == "decided-at":
            try:
                return milliseconds(datetime.fromisoformat((value or b"").decode()))
            except (ValueError, TypeError):  # no time, or one without its zone
                return None
    return None
