"""One variant's decisions, compared with what was published as they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from worker.moderator import encode_flag
from worker.replay.causes import Cause, signal_cause
from worker.replay.differences import Compared, Difference, compare, nearest
from worker.replay.disk_sort import sorted_on_disk
from worker.replay.output import Output
from worker.replay.own_partition import Asked, OwnReading, own_readings
from worker.replay.summary import Tally, add
from worker.replay.variants import error_of, flag_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from worker.candidate import Candidate, Outcome
    from worker.records import Flag
    from worker.replay.joining import Joined
    from worker.replay.parts import Scored
    from worker.replay.plan import Plan, Range, VariantStamp
    from worker.replay.variants import Bench

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
        open: differences whose cause a second pass must tell.
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
        self.open = 0

    def candidates(self, batch: Sequence[Joined]) -> list[Candidate]:
        """The posts made ready; may be called from another thread."""
        return self._bench.candidates(batch)

    def take(self, batch: Sequence[Joined], candidates: Sequence[Candidate]) -> None:
        """Decides posts that follow one another in the order of event time."""
        if self._recorded:
            chosen = [pair for pair in zip(batch, candidates, strict=True) if pair[0].flags]
            self.tally.not_recorded += len(batch) - len(chosen)
            flags = [nearest(one, self._stamp) for one, _ in chosen]
            outcomes = self._bench.decide_as_recorded([candidate for _, candidate in chosen], flags)
        else:
            chosen = list(zip(batch, candidates, strict=True))
            outcomes = self._bench.decide(candidates)
        for (one, candidate), outcome in zip(chosen, outcomes, strict=True):
            if not one.warm:
                self._note(one, candidate, outcome)

    def differences(
        self,
        ranges: Sequence[Range],
        posts_of: Callable[[Range], Iterable[Scored]],
        own_bench_of: Callable[[Range], Bench],
    ) -> Iterator[Difference]:
        """What differs, in the order of event time, with its causes.

        Args:
            ranges: all partitions, in ascending order.
            posts_of: a partition's posts, in the order of offsets.
            own_bench_of: decides a partition's posts with a signal state of its own.
        """
        self._pending.close()
        own: Iterator[OwnReading] = iter(())
        if self.open:
            asked = (Asked(*one.order[2:]) for one in self._kept() if one.open)
            places = sorted_on_disk(
                asked, Asked, lambda one: (one.partition, one.offset), self._work / "asked"
            )
            readings = own_readings(ranges, posts_of, own_bench_of, places)
            own = sorted_on_disk(readings, OwnReading, lambda one: one.order, self._work / "own")
        for one in self._kept():
            difference = _explained(one, next(own)) if one.open else one.difference
            self.tally.count(difference)
            yield difference

    def _note(self, one: Joined, candidate: Candidate, outcome: Outcome) -> None:
        flag, error = flag_of(outcome), error_of(outcome)
        if flag is not None:
            self.tally.decided += 1
            add(self.tally.actions, flag.action)
            self.decisions.write(encode_flag(flag))
        else:
            add(self.tally.failed, error)
        self.tally.several_flags += len(one.flags) > 1
        compared = self._compared(one, candidate, flag, error)
        add(self.tally.kinds, compared.kind)
        if compared.difference is not None:
            self.open += bool(compared.open)
            order = (one.at, one.name, one.partition, one.offset)
            self._pending.write(_ENCODER.encode(_Pending(order, compared.open, compared.difference)) + b"\n")

    def _compared(self, one: Joined, candidate: Candidate, flag: Flag | None, error: str | None) -> Compared:
        def as_recorded(published: Flag) -> Flag | None:
            if self._recorded:
                return flag
            (outcome,) = self._bench.decide_as_recorded([candidate], [published])
            return flag_of(outcome)

        return compare(one, flag, as_recorded, stamp=self._stamp, emit_all=self._emit_all, error=error)

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
