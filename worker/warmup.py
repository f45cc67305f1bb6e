"""Builds the signal state again from the posts topic.

Signals look back over different times, and what they note of a post takes memory for about as long, so the
topic is read in stages: the oldest posts with the signals that look back so far, the latest with all. It may
run beside the worker and as often as one likes: a post counts once, and no post reads what came after it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from kafka.errors import KafkaError

from worker.candidate import Decided, Received
from worker.detector.scoring import Scorer
from worker.errors import BrokerError, FlagstaffError, SettingsError
from worker.intake import InvalidPostError, PostReader
from worker.moderator import Moderator
from worker.records import Source
from worker.redis_link import RedisLink
from worker.signals.catalogue import windows
from worker.stream.extent import ExtentReader
from worker.stream.refusal import in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.detector.protocol import Detector
    from worker.policy import Policy
    from worker.settings import Settings


class Warmed(NamedTuple):
    """Posts that were noted, and records that are no posts or could not be decided."""

    noted: int
    left_out: int


class Warmup:
    """One run over the posts topic. Nothing is published, and no offset committed.

    Args:
        settings: all settings.
        detector: scores posts whose score is not in the cache.
        policy: needed to decide, though no decision is used.
        now_s: the end of the windows, in seconds since 1970.

    Raises:
        SettingsError: no Redis is named, or no signal that remembers posts is enabled.
    """

    def __init__(
        self, settings: Settings, detector: Detector, policy: Policy, now_s: Callable[[], float] = time.time
    ) -> None:
        self._windows = windows(settings.signals)
        if not settings.redis.url:
            raise SettingsError("warm: no Redis named; set FLAGSTAFF_REDIS__URL")
        if not self._windows:
            raise SettingsError(
                "warm: no signal that remembers posts is enabled (FLAGSTAFF_SIGNALS__ENABLED)"
            )
        self._settings = settings
        self._detector = detector
        self._policy = policy
        self._now_s = now_s
        self._link = RedisLink(settings.redis)
        self._scorer = Scorer(detector, settings.detector.token_budget)
        stream = settings.stream
        self._reader = PostReader(settings.fields, stream.max_text_chars, stream.max_post_bytes)

    def run(self, progress: Callable[[int, int], None]) -> Warmed:
        """Reads the posts of the longest window and notes them.

        Args:
            progress: called with offsets passed and offsets in all.

        Raises:
            BrokerError: the posts topic can't be read.
            FlagstaffError: Redis can't be used. What was noted so far stays; run it again.
        """
        topic = self._settings.topics.posts
        try:
            self._require_redis(0)
            source = ExtentReader(self._settings.kafka, topic)
            try:
                return self._read(source, progress)
            finally:
                source.close()
        except KafkaError as error:
            servers = self._settings.kafka.bootstrap_servers
            raise BrokerError(
                f"warm: topic {topic} at {servers}: {in_words(error)}; `flagstaff check` tells more"
            ) from error
        finally:
            self._link.close()

    def _read(self, source: ExtentReader, progress: Callable[[int, int], None]) -> Warmed:
        now = self._now_s()
        lengths = sorted(set(self._windows.values()), reverse=True)
        extents = source.extents([int((now - length) * 1000) for length in lengths])
        total = sum(extent.length for extent in extents)
        passed = noted = left_out = 0
        for length, extent in zip(lengths, extents, strict=True):
            moderator = self._moderator(length)
            for records, done in source.records(extent):
                decided = self._note(moderator, records)
                self._require_redis(noted)
                noted += decided
                left_out += len(records) - decided
                progress(passed + done, total)
            passed += extent.length
        return Warmed(noted, left_out)

    def _moderator(self, length: int) -> Moderator:
        """One with the signals that look back at least so many seconds."""
        names = tuple(name for name, window in self._windows.items() if window >= length)
        return Moderator(
            self._detector,
            self._policy,
            emit="flagged",
            link=self._link,
            signal_settings=msgspec.structs.replace(self._settings.signals, enabled=names),
            redis_settings=self._settings.redis,
        )

    def _note(self, moderator: Moderator, records: Sequence[Any]) -> int:
        """Notes the posts; returns how many there were."""
        received = [one for record in records if (one := self._received(record)) is not None]
        candidates = moderator.prepare(received)
        moderator.score(candidates, self._scorer)
        return sum(isinstance(outcome, Decided) for outcome in moderator.decide(candidates))

    def _received(self, record: Any) -> Received | None:
        if record.value is None:
            return None
        try:
            post = self._reader.read(record.value)
        except InvalidPostError:
            return None
        return Received(post, Source(record.topic, record.partition, record.offset, record.timestamp))

    def _require_redis(self, noted: int) -> None:
        # The moderator goes on without Redis; a warm-up that did so would be for nothing.
        if self._link.call("warm", lambda redis: redis.ping()) is None or self._link.unanswered:
            raise FlagstaffError(
                f"warm: Redis can't be used after {noted} posts, the log says why; mend it and run this again"
            )
