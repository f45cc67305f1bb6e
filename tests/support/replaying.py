"""Live runs to replay, and replays inside the test's own process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from tests.support.independent_reader import end_offsets
from tests.support.posts import posts
from tests.support.running import all_decided, publish, running, worker_settings
from tests.support.topics import create_topic, unique_name
from tests.support.waiting import wait_until
from worker.detector.loading import load_detector
from worker.policy import load_policy
from worker.replay.plan import Span
from worker.replay.replaying import Replay
from worker.replay.shards import Shard
from worker.replay.topics import Asked
from worker.replay.variants import Variant

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.replay.capture import Capture
    from worker.replay.plan import SignalMode
    from worker.replay.summary import Summary
    from worker.settings import Settings

OUTPUTS = (
    "decisions.jsonl",
    "diff.jsonl",
    "missing.jsonl",
    "summary.json",
    "report.html",
    "manifest.json",
)


def live_settings(folder: Path, kafka: str, redis_url: str, partitions: int = 4, **more: str) -> Settings:
    """Of a worker with the detector that ships, over topics of its own: posts with so many partitions."""
    topics = {name: unique_name(name) for name in ("posts", "flags", "dead_letters")}
    for name, number in (("posts", partitions), ("flags", 2), ("dead_letters", 1)):
        create_topic(kafka, topics[name], partitions=number)
    ours = {
        "DETECTOR__MODEL": "default",
        "REDIS__URL": redis_url,
        "REDIS__PREFIX": topics["posts"],
        "REDIS__TIMEOUT_MS": "5000",
    }
    return worker_settings(folder, kafka, topics, **ours | more)


def environ(settings: Settings) -> dict[str, str]:
    """The same for a command."""
    return {
        "KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
        "TOPICS__POSTS": settings.topics.posts,
        "TOPICS__FLAGS": settings.topics.flags,
        "TOPICS__DEAD_LETTERS": settings.topics.dead_letters,
        "REDIS__URL": settings.redis.url,
        "REDIS__PREFIX": settings.redis.prefix,
        "DETECTOR__MODEL": settings.detector.model,
        "EMIT": settings.emit,
        "LOG__LEVEL": "error",
    }


def values(count: int, start: int = 0) -> list[bytes]:
    """Posts with ids of their own, one a second of event time."""
    return [json.dumps(post).encode() for post in list(posts(start + count))[start:]]


def decided(settings: Settings, batch: Iterable[bytes | None]) -> None:
    """Sends records and waits until a worker that runs has decided them."""
    servers = settings.kafka.bootstrap_servers
    publish(servers, settings.topics.posts, batch)
    wait_until(lambda: all_decided(servers, settings), what="the decisions")


def live(settings: Settings, *batches: Iterable[bytes | None]) -> None:
    """Runs a worker over batches of records, each sent once the one before is decided."""
    with running(settings):
        for batch in batches:
            decided(settings, batch)


class Done(NamedTuple):
    """A finished replay."""

    out: Path
    summary: Summary

    @property
    def bytes(self) -> dict[str, bytes]:
        return {name: (self.out / name).read_bytes() for name in OUTPUTS}

    @property
    def differences(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.out / "diff.jsonl").read_text().splitlines()]

    @property
    def decisions(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.out / "decisions.jsonl").read_text().splitlines()]

    @property
    def kinds(self) -> dict[Any, int]:
        return dict(self.summary.result.kinds)

    @property
    def causes(self) -> dict[Any, int]:
        return dict(self.summary.result.causes)


def asked(
    signals: SignalMode = "rebuilt",
    *,
    spans: tuple[Span, ...] = (),
    times: tuple[int, int] | None = None,
    capture: Capture | None = None,
) -> Asked:
    start, end = times if times is not None else (None, None)
    return Asked(start, end, spans, capture, signals)


def whole(settings: Settings, first: int = 0) -> tuple[Span, ...]:
    """All offsets of the posts topic from `first` on."""
    ends = end_offsets(settings.kafka.bootstrap_servers, settings.topics.posts)
    return tuple(Span(number, first, end - 1) for number, end in sorted(ends.items()) if end > first)


def variant(settings: Settings, name: str = "replay") -> Variant:
    return Variant(
        name,
        load_detector(settings.detector),
        load_policy(Path(settings.policy.file) if settings.policy.file else None),
        settings.signals,
    )


def prepared(settings: Settings, out: Path, what: Asked) -> Replay:
    return Replay(settings, what, [variant(settings)], out)


def replay(settings: Settings, out: Path, what: Asked, *, part_records: int = 1_000, shards: int = 1) -> Done:
    """Scores, shard after shard, and merges, in this process."""
    for number in range(shards):
        run = prepared(settings, out, what)
        run.score(Shard(number, shards), part_records, lambda *_: None)
    (summary,) = prepared(settings, out, what).merge(None, lambda *_: None)
    return Done(out, summary)


def changed(settings: Settings, group: str, **more: Any) -> Settings:
    """The settings with some of a group changed."""
    part = msgspec.structs.replace(getattr(settings, group), **more)
    return msgspec.structs.replace(settings, **{group: part})
