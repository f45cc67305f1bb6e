"""One variant's decisions, compared with what was published as they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self, get_args

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from worker.flag_maker import encode_flag
from worker.replay.causes import Cause, signal_cause
from worker.replay.differences import Comparison, Difference, compare, nearest
from worker.replay.disk_sort import sorted_on_disk
from worker.replay.output import Output
from worker.replay.own_partition import Asked, OwnReading, Sieve, own_readings
from worker.replay.summary import Tally, add
from worker.replay.variants import error_of, flag_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from worker.candidate import Candidate
    from worker.moderator import Unread
    from worker.replay.joining import Joined
    from worker.replay.parts import Scored
    from worker.replay.plan import Plan, Range, VariantStamp
    from worker.replay.variants import Bench, Readings

_CAUSES: Final = get_args(Cause)


class _Pending(Struct, array_like=True):
    """A difference whose causes may not all be known yet, in the order of event time."""

    order: tuple[int, int, int, int]
    open: tuple[str, ...]
    difference: Difference


_ENCODER: Final = msgspec.json.Encoder()
_PENDING: Final = msgspec.json.Decoder(_Pending)


class Comparing:
    """Decides posts in the order of event time and keeps what differs.

    Args:
        plan: what was asked for.
        stamp: what decides.
        bench: the same at work.
        work: a folder of its own.

    Attributes:
        tally: the counts so far.
        decisions: the decisions, one flag a line.
    """

    def __init__(self, plan: Plan, stamp: VariantStamp, bench: Bench, work: Path) -> None:
        work.mkdir(parents=True, exist_ok=True)
        self._recorded = plan.request.signals == "recorded"
        self._emit_all = plan.request.emit == "all"
        self._stamp = stamp
        self._bench = bench
        self._work = work
        self._pending_path = work / "pending"
        self._pending = self._pending_path.open("wb")
        self.tally = Tally()
        self.decisions = Output(work, "decisions.jsonl")
        self._open: set[str] = set()
        self._sieve = Sieve()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pending.close()
        self.decisions.close()

    def candidates(self, batch: Sequence[Joined]) -> list[Candidate]:
        """The posts made ready; may be called from another thread."""
        return self._bench.candidates(batch)

    def question(self, candidates: Sequence[Candidate]) -> Unread | None:
        """What is to be read of the posts' signals; None where they are as recorded. As above."""
        return None if self._recorded else self._bench.question(candidates)

    def read(self, unread: Unread | None) -> Readings | None:
        """What the signals read of posts that follow one another in the order of event time.

        May be called from another thread. None where they are as recorded.
        """
        return None if unread is None else self._bench.answer(unread)

    def take(
        self, batch: Sequence[Joined], candidates: Sequence[Candidate], readings: Readings | None
    ) -> list[Comparison]:
        """Decides posts that follow one another in the order of event time.

        Args:
            batch: the posts.
            candidates: the same, as `candidates` made them.
            readings: what `read` gave.

        Returns:
            Those that were decided, or failed. Which ones it is does not depend on the variant.
        """
        pairs = list(zip(batch, candidates, strict=True))
        if readings is None:
            chosen = [pair for pair in pairs if pair[0].flags]
            self.tally.not_recorded += len(pairs) - len(chosen)
            flags = [nearest(one, self._stamp) for one, _ in chosen]
            outcomes = self._bench.decide_as_recorded([candidate for _, candidate in chosen], flags)
        else:
            kept = [number for number, one in enumerate(batch) if not one.warm]
            chosen = [pairs[number] for number in kept]
            outcomes = self._bench.decide(
                [candidates[number] for number in kept], [readings[number] for number in kept]
            )
        decided = [
            Comparison(one, candidate, flag_of(outcome), error_of(outcome))
            for (one, candidate), outcome in zip(chosen, outcomes, strict=True)
        ]
        for one in decided:
            self._count(one)
        self._compare(decided)
        return decided

    def differences(
        self,
        ranges: Sequence[Range],
        posts_of: Callable[[Range], Iterable[Scored]],
        own_bench_of: Callable[[Range, tuple[str, ...]], Bench],
    ) -> Iterator[Difference]:
        """What differs, in the order of event time, with its causes.

        Args:
            ranges: all partitions, in ascending order.
            posts_of: a partition's posts, in the order of offsets.
            own_bench_of: reads these signals of a partition's posts, with a state of its own.
        """
        self._pending.close()
        own: Iterator[OwnReading] = iter(())
        if self._open:
            names = tuple(name for name in self._stamp.signals.enabled if name in self._open)
            asked = (Asked(*one.order[2:]) for one in self._kept() if one.open)
            places = sorted_on_disk(
                asked, Asked, lambda one: (one.partition, one.offset), self._work / "asked"
            )
            readings = own_readings(ranges, posts_of, lambda of: own_bench_of(of, names), places, self._sieve)
            own = sorted_on_disk(readings, OwnReading, lambda one: one.order, self._work / "own")
        for one in self._kept():
            difference = _explained(one, next(own)) if one.open else one.difference
            self.tally.count(difference)
            yield difference

    def _count(self, one: Comparison) -> None:
        if one.flag is not None:
            self.tally.decided += 1
            add(self.tally.actions, one.flag.action)
            encoded = encode_flag(one.flag)
            self.decisions.write(encoded)
            one.same = encoded.decode() in one.joined.flags
        else:
            add(self.tally.failed, one.error)
        self.tally.several_flags += len(one.joined.flags) > 1
        if one.joined.flags and not one.same:
            one.published = nearest(one.joined, self._stamp)
            one.as_recorded = one.flag if self._recorded else None

    def _compare(self, decided: Sequence[Comparison]) -> None:
        if not self._recorded:
            differing = [one for one in decided if one.published is not None]
            outcomes = self._bench.decide_as_recorded(
                [one.candidate for one in differing],
                [one.published for one in differing if one.published is not None],
            )
            for one, outcome in zip(differing, outcomes, strict=True):
                one.as_recorded = flag_of(outcome)
        opened: list[Candidate] = []
        for one in decided:
            compared = compare(one, emit_all=self._emit_all)
            self.tally.compared(compared.kind, one.joined.partition, one.joined.timestamp)
            if compared.difference is None:
                continue
            if compared.open:
                opened.append(one.candidate)
                self._open.update(compared.open)
            place = one.joined
            order = (place.at, place.name, place.partition, place.offset)
            self._pending.write(_ENCODER.encode(_Pending(order, compared.open, compared.difference)) + b"\n")
        for keys in self._bench.keys(opened):
            self._sieve.add(keys)

    def _kept(self) -> Iterator[_Pending]:
        with self._pending_path.open("rb") as file:
            for line in file:
                yield _PENDING.decode(line)


def _explained(one: _Pending, own: OwnReading) -> Difference:
    """The difference with the causes that its own partition's readings tell."""
    if own.order != one.order:
        raise AssertionError("the second pass has lost its place")
    difference = one.difference
    signals = tuple(
        replace(signal, own_partition=own.values.get(signal.name)) if signal.name in one.open else signal
        for signal in difference.signals
    )
    found = {*difference.causes, *(signal_cause(signal) for signal in signals if signal.name in one.open)}
    return replace(difference, signals=signals, causes=tuple(cause for cause in _CAUSES if cause in found))
