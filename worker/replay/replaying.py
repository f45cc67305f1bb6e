"""A replay from beginning to end, or one shard of it: puts the parts together."""

from __future__ import annotations

import shutil
import uuid
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from worker.detector.scoring import Scorer
from worker.errors import FlagstaffError, SettingsError
from worker.moderator import Moderator
from worker.redis_link import RedisLink
from worker.replay.capture import CapturedPublished
from worker.replay.kafka_range import KafkaRange
from worker.replay.manifest import MANIFEST
from worker.replay.merging import Merging
from worker.replay.parts import folder_of, passed
from worker.replay.plan import Request, agreed_plan
from worker.replay.scoring import Engine, Scoring
from worker.replay.shards import held, offsets_passed
from worker.replay.topics import kafka_ranges, published_topics, window_s
from worker.replay.variants import one_a_detector, patient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from worker.replay.merging import Watch
    from worker.replay.plan import Range
    from worker.replay.published import PublishedSource
    from worker.replay.reading import RecordSource
    from worker.replay.shards import Shard
    from worker.replay.signature import PrivateKey
    from worker.replay.summary import Summary
    from worker.replay.topics import Asked
    from worker.replay.variants import Variant
    from worker.settings import Settings

PARTS: Final = "parts"


class Replay:
    """One replay.

    Args:
        settings: all settings.
        asked: what is replayed.
        variants: what decides; the posts are read, and scored by each detector, once for all of them.
        out: where the outputs go, those of several variants to a folder below it with the variant's name. The
            parts are in a folder below it until they are done.
        parquet: whether decisions and differences are also written as Parquet.

    Raises:
        SettingsError: the folder holds a finished replay, or one of other parameters; the range can't be.
        BrokerError: the topic does not exist.
        KafkaError: Kafka can't be read.
    """

    def __init__(
        self,
        settings: Settings,
        asked: Asked,
        variants: Sequence[Variant],
        out: Path,
        *,
        parquet: bool = False,
    ) -> None:
        self._settings = settings
        self._asked = asked
        self._variants = variants
        self._parquet = parquet
        self._parts = out / PARTS
        several = len(variants) > 1
        self._outs = [out / variant.name for variant in variants] if several else [out]
        if any((folder / MANIFEST).exists() for folder in self._outs):
            raise SettingsError(f"replay: {out} holds a finished replay; name another --out")
        if (
            asked.signals == "rebuilt"
            and not settings.redis.url
            and any(window_s(one.signals) for one in variants)
        ):
            raise SettingsError(
                "replay: --signals rebuilt needs a Redis (FLAGSTAFF_REDIS__URL); live keys are not touched"
            )
        try:
            for folder in (self._parts, *self._outs):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(f"replay: --out {out}: {error.strerror}") from None
        self.plan = agreed_plan(self._parts, self._request(), self._ranges)

    @property
    def parts(self) -> Path:
        """Where the parts are."""
        return self._parts

    def score(self, shard: Shard | None, part_records: int, progress: Callable[[int, int], None]) -> None:
        """Scores a shard's partitions, going on where an earlier run stopped.

        Args:
            shard: which; None: all partitions.
            part_records: most records of a part.
            progress: called with offsets passed and offsets in all.
        """
        ranges = list(self.plan.ranges) if shard is None else shard.ranges(self.plan)
        total = sum(of.end - of.warm for of in ranges)
        before = 0
        with ExitStack() as stack:
            link = RedisLink(self._settings.redis) if self._settings.redis.url else None
            if link is not None:
                stack.callback(link.close)
            source = stack.enter_context(self._source())
            scoring = Scoring(
                self.plan.request, source, self._engines(link), self._parts, part_records=part_records
            )
            for of in ranges:
                stack.enter_context(held(folder_of(self._parts, of.partition).with_suffix(".lock")))
                done, begin = before, of.warm

                def passing(at: int, done: int = done, begin: int = begin) -> None:
                    progress(done + at - begin, total)

                scoring.partition(of, passing)
                before += of.end - of.warm

    def merge(
        self,
        key: PrivateKey | None,
        progress: Callable[[int, int], None],
        watch: Watch | None = None,
    ) -> list[Summary]:
        """Decides, compares and writes the outputs; returns a summary for each variant.

        Args:
            key: signs the manifests; None: they are not signed.
            progress: called with posts decided and posts in all.
            watch: is given what the variants have decided, batch by batch.

        Raises:
            FlagstaffError: a partition is not scored to its end; the range holds no record; Redis fails.
        """
        for of in self.plan.ranges:
            done, whole = passed(self._parts, of.partition), of.end - of.warm
            if done < whole:
                raise FlagstaffError(
                    f"replay: {done} of the {whole} offsets of partition {of.partition} are scored; run its "
                    "shard first"
                )
        with ExitStack() as stack:
            stack.enter_context(held(self._parts / "merge.lock"))
            published = stack.enter_context(self._published())
            redis = patient(self._settings.redis)
            rebuilt = self._asked.signals == "rebuilt"
            link = RedisLink(redis) if rebuilt and redis.url else None
            if link is not None:
                stack.callback(link.close)
            merging = Merging(
                self.plan,
                self._variants,
                self._settings,
                self._parts,
                link=link,
                namespace=self._namespace(),
                parquet=self._parquet,
            )
            summaries = merging.run(published, self._outs, key, progress, watch)
        shutil.rmtree(self._parts, ignore_errors=True)
        return summaries

    def passed(self) -> tuple[int, int]:
        """Offsets that are in parts, and offsets in all."""
        return offsets_passed(self.plan, self._parts), sum(of.end - of.warm for of in self.plan.ranges)

    def _request(self) -> Request:
        settings, asked = self._settings, self._asked
        head = asked.capture.head if asked.capture is not None else None
        return Request(
            topic=settings.topics.posts if head is None else head.topic,
            start_ms=asked.start_ms if head is None else head.start_ms,
            end_ms=asked.end_ms if head is None else head.end_ms,
            spans=asked.spans if head is None else head.spans,
            capture=asked.capture.sha256 if asked.capture is not None else None,
            signals=asked.signals,
            variants=tuple(variant.stamp for variant in self._variants),
            fields=settings.fields,
            max_text_chars=settings.stream.max_text_chars,
            max_post_bytes=settings.stream.max_post_bytes,
            emit=settings.emit,
        )

    def _ranges(self) -> tuple[Range, ...]:
        capture = self._asked.capture
        if capture is not None:
            if self._asked.signals == "rebuilt" and capture.head.signals != "rebuilt":
                raise SettingsError(
                    "replay: the capture holds nothing of before the range, which --signals rebuilt needs; "
                    "capture it with --signals rebuilt"
                )
            return capture.head.ranges
        back_s = max(window_s(variant.signals) for variant in self._variants)
        # What can't be compared is said before the work, not after it.
        with published_topics(self._settings, self._settings.topics.posts, (None, None), ()):
            return kafka_ranges(self._settings, self._asked, back_s)

    def _engines(self, link: RedisLink | None) -> list[Engine]:
        """One for each detector."""
        settings = self._settings
        return [
            Engine(
                Moderator(
                    variant.detector,
                    variant.policy,
                    emit="all",
                    link=link,
                    signal_settings=variant.signals,
                    redis_settings=settings.redis,
                    namespace=self._namespace(),
                ),
                Scorer(variant.detector, settings.detector.token_budget),
            )
            for variant in one_a_detector(self._variants)
        ]

    def _namespace(self) -> str:
        """The name of this replay's signal state; the same when it goes on after a kill."""
        path = self._parts / "namespace"
        try:
            with path.open("x") as file:
                file.write(f"replay-{uuid.uuid4().hex[:16]}")
        except FileExistsError:
            pass
        return path.read_text()

    @contextmanager
    def _source(self) -> Iterator[RecordSource]:
        if self._asked.capture is not None:
            yield self._asked.capture
            return
        source = KafkaRange(self._settings.kafka, self.plan.request.topic)
        try:
            yield source
        finally:
            source.close()

    @contextmanager
    def _published(self) -> Iterator[PublishedSource]:
        if self._asked.capture is not None:
            yield CapturedPublished(self._asked.capture)
            return
        request = self.plan.request
        times = (request.start_ms, request.end_ms)
        with published_topics(self._settings, request.topic, times, self.plan.ranges) as reader:
            yield reader
