"""The second half of a replay: joins, decides in the order of event time, and compares."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from msgspec.structs import replace

from worker.errors import FlagstaffError
from worker.replay.ahead import ahead
from worker.replay.comparing import Comparing
from worker.replay.differences import gone
from worker.replay.disk_sort import batches, sorted_on_disk
from worker.replay.joining import Join, Joined, event_order
from worker.replay.output import Output
from worker.replay.parts import START_CHAIN, paths_of, scored_posts, trailers
from worker.replay.summary import add, count_missing, missing, partition_counts
from worker.replay.variants import Bench, forget, one_a_detector
from worker.replay.writing import Facts, write_outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from worker.candidate import Candidate
    from worker.moderator import Unread
    from worker.redis_link import RedisLink
    from worker.replay.differences import Comparison
    from worker.replay.parts import Scored
    from worker.replay.plan import Plan, Range, Stamp
    from worker.replay.published import Published, PublishedSource
    from worker.replay.signature import PrivateKey
    from worker.replay.summary import PartitionCounts, Summary, Tally
    from worker.replay.variants import Readings, Variant
    from worker.settings import Settings

    # Given what each variant made of the same posts, in the order of event time.
    Watch = Callable[[Sequence[Sequence[Comparison]]], None]

_BATCH: Final = 1_000
_ENCODER: Final = msgspec.json.Encoder()


class _Batch(NamedTuple):
    """Posts that follow one another in the order of event time, and what each variant makes of them."""

    posts: list[Joined]
    candidates: list[list[Candidate]]


class Merging:
    """Makes a replay's outputs of its parts.

    Args:
        plan: what was asked for.
        variants: what decides, in the plan's order.
        settings: shown in the summary, without secrets.
        parts: the folder of the parts; every partition is scored to its end.
        link: the way to Redis; None: signals are as recorded, or none remembers.
        namespace: keeps the replay's signal state apart; its keys are removed at the end.
        parquet: whether decisions and differences are also written as Parquet.
    """

    def __init__(  # noqa: PLR0913 - the shell's one place where all parts meet
        self,
        plan: Plan,
        variants: Sequence[Variant],
        settings: Settings,
        parts: Path,
        *,
        link: RedisLink | None,
        namespace: str,
        parquet: bool = False,
    ) -> None:
        self._plan = plan
        self._variants = variants
        self._settings = settings
        self._parts = parts
        self._work = parts / "work"
        self._link = link
        self._namespace = namespace
        self._parquet = parquet
        self._detectors = [variant.detector.digest for variant in one_a_detector(variants)]
        self._counts: dict[int, PartitionCounts] = {}
        self._published_by: dict[tuple[Stamp, Stamp], int] = {}
        # Whatever ends the work, its files are closed.
        self._files = ExitStack()

    def run(
        self,
        published: PublishedSource,
        outs: Sequence[Path],
        key: PrivateKey | None,
        progress: Callable[[int, int], None],
        watch: Watch | None = None,
    ) -> list[Summary]:
        """Decides, compares and writes.

        Args:
            published: what to compare with.
            outs: a folder for each variant.
            key: signs the manifests; None: they are not signed.
            progress: called with posts decided and posts in all.
            watch: is given what the variants have decided, batch by batch.

        Returns:
            A summary for each variant.

        Raises:
            FlagstaffError: the range holds no record, or Redis can't be used.
        """
        shutil.rmtree(self._work, ignore_errors=True)
        self._work.mkdir()
        try:
            self._forget()
            missed, earliest_ms = self._missed()
            benches = [self._comparing(number) for number in range(len(self._variants))]
            flags, lost = self._output("flags"), self._output("gone")
            self._decide(self._joined(published, earliest_ms, flags, lost), benches, progress, watch)
            sealed = flags.seal()
            lost.seal()
            facts = Facts(
                self._plan,
                self._settings,
                tuple(self._counts.values()),
                flags=sealed,
                unreadable_flags=published.unreadable,
                chains=self._chains(),
                missing=missed,
                published_by=self._published_by,
                parquet=self._parquet,
            )
            summaries = []
            for number, (bench, out) in enumerate(zip(benches, outs, strict=True)):
                tally, outputs = self._finished(number, bench, self._work / lost.name)
                work = self._work / f"variant-{number}"
                own = facts._replace(settings=self._variants[number].settings or self._settings)
                summaries.append(write_outputs(own, number, tally, outputs, work, out, key))
            return summaries
        finally:
            self._files.close()
            self._forget()
            shutil.rmtree(self._work, ignore_errors=True)

    def _missed(self) -> tuple[Path, int]:
        """Writes the offsets without a record to a file; also gives the range's earliest timestamp."""
        earliest: list[int] = []
        output = self._output("missing")
        for of in self._plan.ranges:
            paths = paths_of(self._parts, of.partition)
            counts = partition_counts(of, trailers(paths))
            self._counts[of.partition] = counts
            earliest += [one.earliest for one in trailers(paths) if one.earliest is not None]
            for line in count_missing(counts, missing(of, trailers(paths))):
                output.write(_ENCODER.encode(line))
        output.seal()
        if not earliest:
            gone_before = sum(one.expired + one.possibly_expired for one in self._counts.values())
            why = (
                f"; {gone_before} offsets of it, or before it, were deleted from the topic"
                if gone_before
                else ""
            )
            raise FlagstaffError(f"replay: the range holds no record of {self._plan.request.topic}{why}")
        return self._work / "missing", min(earliest)

    def _joined(
        self, published: PublishedSource, earliest_ms: int, flags: Output, lost: Output
    ) -> Iterator[Joined]:
        """The posts with their flags, in the order of event time."""

        def digested() -> Iterator[Published]:
            for one in published.read(earliest_ms, self._work / "published"):
                if one.flag is not None:
                    flags.write(one.flag.encode())
                yield one

        def note(one: Published) -> None:
            self._counts[one.partition].flagged_and_gone += 1
            lost.write(_ENCODER.encode(gone(one)))

        def by_place() -> Iterator[Joined]:
            join = Join(digested(), note)
            for of in self._plan.ranges:
                yield from join.of(of, self._posts(of))
            join.rest()
            self._published_by = join.published_by

        return sorted_on_disk(by_place(), Joined, event_order, self._work / "ordered")

    def _decide(
        self,
        posts: Iterator[Joined],
        benches: Sequence[Comparing],
        progress: Callable[[int, int], None],
        watch: Watch | None,
    ) -> None:
        # Three threads: while Redis answers for one batch, the next is made ready and the last is decided.
        def prepared() -> Iterator[tuple[_Batch, list[Unread | None]]]:
            for posts_ in batches(posts, _BATCH):
                own = [bench.candidates(posts_) for bench in benches]
                yield (
                    _Batch(posts_, own),
                    [bench.question(some) for bench, some in zip(benches, own, strict=True)],
                )

        def read() -> Iterator[tuple[_Batch, list[Readings | None]]]:
            for batch, questions in ahead(prepared()):
                yield batch, [bench.read(one) for bench, one in zip(benches, questions, strict=True)]

        total = sum(one.posts + one.warm_records for one in self._counts.values())
        done = 0
        for batch, readings in ahead(read()):
            decided = [
                bench.take(batch.posts, own, values)
                for bench, own, values in zip(benches, batch.candidates, readings, strict=True)
            ]
            self._require_redis(done)
            if watch is not None:
                watch(decided)
            done += len(batch.posts)
            progress(done, total)

    def _finished(self, number: int, bench: Comparing, lost: Path) -> tuple[Tally, list[Output]]:
        """A variant's counts, and its outputs but for the summary."""
        diff = self._files.enter_context(Output(self._work / f"variant-{number}", "diff.jsonl"))
        for difference in bench.differences(
            self._plan.ranges,
            self._posts,
            lambda of, names: self._bench(number, f"own-{of.partition}", names),
        ):
            diff.write(_ENCODER.encode(difference))
        self._require_redis(bench.tally.decided)
        with lost.open("rb") as file:
            for line in file:
                diff.write(line.rstrip(b"\n"))
                add(bench.tally.causes, "post_gone")
        for counts in self._counts.values():
            for _ in range(counts.flagged_and_gone):
                bench.tally.compared("gone", counts.partition)
        return bench.tally, [bench.decisions, diff]

    def _chains(self) -> tuple[str, ...]:
        """The digest of each partition's records."""
        found = []
        for of in self._plan.ranges:
            last = list(trailers(paths_of(self._parts, of.partition)[-1:]))
            found.append(last[0].chain if last else START_CHAIN)
        return tuple(found)

    def _posts(self, of: Range) -> Iterator[Scored]:
        return scored_posts(paths_of(self._parts, of.partition))

    def _comparing(self, number: int) -> Comparing:
        stamp, work = self._plan.request.variants[number], self._work / f"variant-{number}"
        return self._files.enter_context(Comparing(self._plan, stamp, self._bench(number, "all"), work))

    def _output(self, name: str) -> Output:
        return self._files.enter_context(Output(self._work, name))

    def _bench(self, number: int, state: str, names: tuple[str, ...] | None = None) -> Bench:
        """A variant at work with a signal state of its own; `names`: with these signals only."""
        variant = self._variants[number]
        if names is not None:
            variant = variant._replace(signals=replace(variant.signals, enabled=names))
        return Bench(
            variant,
            place=self._detectors.index(variant.detector.digest),
            topic=self._plan.request.topic,
            link=self._link,
            redis=self._settings.redis,
            namespace=f"{self._namespace}:{number}:{state}",
        )

    def _forget(self) -> None:
        if self._link is not None:
            forget(self._link, self._settings.redis, self._namespace)

    def _require_redis(self, decided: int) -> None:
        # The moderator goes on without Redis; a replay that did so would find differences that are its own.
        if self._link is not None and self._link.unanswered:
            raise FlagstaffError(
                f"replay: Redis can't be used after {decided} posts, the log says why; mend it and run this "
                "again"
            )
