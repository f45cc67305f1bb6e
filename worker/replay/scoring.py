"""The first half of a replay: every post of some partitions gets its scores. This is what is shared out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from worker.candidate import Received
from worker.intake import InvalidPostError, PostReader
from worker.records import Source
from worker.replay.ahead import ahead
from worker.replay.parts import Gap, Score, Scored, Trailer, chained, folder_of, kept_parts, write_part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from worker.candidate import Candidate
    from worker.detector.scoring import Scorer
    from worker.moderator import Moderator
    from worker.replay.plan import Range, Request
    from worker.replay.reading import RecordSource, Stretch

# What is handed to the model at a time: enough to fill batches on any device.
_BATCH: Final = 2_000
_PART_BYTES: Final = 16 * 2**20
_PART_S: Final = 30.0
_ENCODER: Final = msgspec.json.Encoder()


class Engine(NamedTuple):
    """A detector at work: the moderator prepares posts for it, the scorer runs it."""

    moderator: Moderator
    scorer: Scorer


class _Prepared(NamedTuple):
    """A stretch whose posts are ready for the models.

    Attributes:
        stretch: what was read.
        received: its posts.
        candidates: the posts, made ready for each engine.
        broken: reasons of records of the range that are no posts.
    """

    stretch: Stretch
    received: list[Received]
    candidates: list[list[Candidate]]
    broken: list[str]


class Scoring:
    """Scores partitions and leaves parts on disk.

    Args:
        request: what was asked for.
        source: where records are read.
        engines: one for each detector.
        parts: where the parts go.
        part_records: most records of a part: what a kill costs at most.
    """

    def __init__(
        self,
        request: Request,
        source: RecordSource,
        engines: Sequence[Engine],
        parts: Path,
        *,
        part_records: int,
    ) -> None:
        self._topic = request.topic
        self._reader = PostReader(request.fields, request.max_text_chars, request.max_post_bytes)
        self._source = source
        self._engines = engines
        self._parts = parts
        self._most = part_records

    def partition(self, of: Range, progress: Callable[[int], None]) -> None:
        """Scores one partition to its end, going on behind the parts that it has.

        Args:
            of: the partition's range.
            progress: called with the offset up to which there are parts.
        """
        folder = folder_of(self._parts, of.partition)
        folder.mkdir(parents=True, exist_ok=True)
        at, chain = kept_parts(folder, of.warm)
        progress(at)
        if at >= of.end:
            return
        lines: list[bytes] = []
        trailer = Trailer(first=at, next=at, chain=chain)
        began, size = time.monotonic(), 0
        for prepared in ahead(self._prepared(of, at)):
            made = self._scored(prepared)
            lines += made
            size += sum(map(len, made))
            _note(trailer, prepared, of)
            held = trailer.records + trailer.warm_records
            if (
                held >= self._most
                or size >= _PART_BYTES
                or time.monotonic() - began > _PART_S
                or trailer.next >= of.end
            ):
                write_part(folder, lines, trailer)
                progress(trailer.next)
                trailer = Trailer(first=trailer.next, next=trailer.next, chain=trailer.chain)
                lines, size, began = [], 0, time.monotonic()

    def _prepared(self, of: Range, start: int) -> Iterator[_Prepared]:
        most = min(_BATCH, self._most)
        for stretch in self._source.read(of, start):
            records = stretch.records
            for first in range(0, len(records), most):
                some = records[first : first + most]
                last = first + most >= len(records)
                yield self._prepare(
                    of,
                    stretch._replace(
                        records=some, position=stretch.position if last else some[-1].offset + 1
                    ),
                )
            if not records:
                yield self._prepare(of, stretch)

    def _prepare(self, of: Range, stretch: Stretch) -> _Prepared:
        received: list[Received] = []
        broken: list[str] = []
        for record in stretch.records:
            if record.value is None:
                continue
            try:
                post = self._reader.read(record.value)
            except InvalidPostError as error:
                if record.offset >= of.first:
                    broken.append(error.reason)
                continue
            received.append(
                Received(post, Source(self._topic, of.partition, record.offset, record.timestamp))
            )
        return _Prepared(
            stretch, received, [engine.moderator.prepare(received) for engine in self._engines], broken
        )

    def _scored(self, prepared: _Prepared) -> list[bytes]:
        for engine, candidates in zip(self._engines, prepared.candidates, strict=True):
            engine.moderator.score(candidates, engine.scorer)
            engine.moderator.keep_scores(candidates)
        return [
            _ENCODER.encode(
                Scored(one.source.offset, one.source.timestamp, one.post, tuple(map(_score, candidates)))
            )
            for one, *candidates in zip(prepared.received, *prepared.candidates, strict=True)
        ]


def _score(candidate: Candidate) -> Score | str:
    if candidate.logit is None or candidate.error is not None:
        error = candidate.error
        return type(error).__name__ if error is not None else "no score"
    return Score(candidate.logit, candidate.tokens, candidate.truncated)


def _note(trailer: Trailer, prepared: _Prepared, of: Range) -> None:
    """What was read goes into the part's trailer."""
    stretch = prepared.stretch
    at = trailer.next
    for record in stretch.records:
        if record.offset > at:
            trailer.gaps.append(Gap(at, record.offset - 1))
        at = record.offset + 1
        trailer.chain = chained(trailer.chain, record)
        if record.offset < of.first:
            trailer.warm_records += 1
        else:
            trailer.records += 1
            trailer.tombstones += record.value is None
            at_ms = record.timestamp
            trailer.earliest = at_ms if trailer.earliest is None else min(trailer.earliest, at_ms)
    if stretch.position > at:
        trailer.gaps.append(Gap(at, stretch.position - 1, stretch.expired))
    trailer.next = stretch.position
    for reason in prepared.broken:
        trailer.broken[reason] = trailer.broken.get(reason, 0) + 1
