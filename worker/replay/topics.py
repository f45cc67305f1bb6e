"""What a replay reads of Kafka: which range was asked for, its offsets, and what was published of it."""

from __future__ import annotations

import shutil
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from worker.replay.capture import Head, write_capture
from worker.replay.kafka_range import KafkaRange
from worker.replay.published import PublishedReader
from worker.signals.catalogue import windows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from worker.replay.capture import Capture
    from worker.replay.plan import Range, SignalMode, Span
    from worker.replay.published import Published, PublishedSource
    from worker.settings import Settings, SignalSettings


class Asked(NamedTuple):
    """Which range is meant, and whose readings count.

    Attributes:
        start_ms: where a range of times begins, in milliseconds since 1970; None: named otherwise.
        end_ms: where it ends.
        spans: offsets by partition.
        capture: a captured range; the other three are then its own.
        signals: whose readings count.
    """

    start_ms: int | None
    end_ms: int | None
    spans: tuple[Span, ...]
    capture: Capture | None
    signals: SignalMode


def kafka_ranges(settings: Settings, asked: Asked, window_s: int) -> tuple[Range, ...]:
    """The offsets of a range, looked up in Kafka.

    Args:
        settings: how Kafka is reached.
        asked: which range.
        window_s: how far signals look back.
    """
    topic = KafkaRange(settings.kafka, settings.topics.posts)
    back_s = window_s if asked.signals == "rebuilt" else 0
    try:
        if asked.spans:
            return tuple(topic.by_offsets(asked.spans, window_s=back_s))
        return tuple(topic.by_time(asked.start_ms or 0, asked.end_ms, window_s=back_s))
    finally:
        topic.close()


@contextmanager
def published_topics(
    settings: Settings, topic: str, times: tuple[int | None, int | None], ranges: Sequence[Range]
) -> Iterator[PublishedReader]:
    """What was published of ranges of a topic, read from flags and dead letters."""
    with ExitStack() as stack:
        flags = KafkaRange(settings.kafka, settings.topics.flags)
        stack.callback(flags.close)
        letters = KafkaRange(settings.kafka, settings.topics.dead_letters)
        stack.callback(letters.close)
        yield PublishedReader(flags, letters, topic, times, ranges)


def capture_range(settings: Settings, asked: Asked, path: Path) -> int:
    """Writes a range, and what was published of it, to a file.

    Returns:
        How many records it holds.
    """
    ranges = kafka_ranges(settings, asked, window_s(settings.signals))
    head = Head(
        topic=settings.topics.posts,
        start_ms=asked.start_ms,
        end_ms=asked.end_ms,
        spans=asked.spans,
        signals=asked.signals,
        ranges=ranges,
    )
    work = path.with_name(f".{path.name}.sort")
    times = (asked.start_ms, asked.end_ms)
    with published_topics(settings, head.topic, times, ranges) as reader:
        source = KafkaRange(settings.kafka, head.topic)

        def published(earliest_ms: int) -> tuple[PublishedSource, Iterator[Published]]:
            return reader, reader.read(earliest_ms, work)

        try:
            return write_capture(path, head, source, published)
        finally:
            source.close()
            shutil.rmtree(work, ignore_errors=True)


def window_s(signals: SignalSettings) -> int:
    """How far signals look back, in seconds."""
    return max(windows(signals).values(), default=0)
