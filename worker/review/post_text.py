"""A flag's post, read from the posts topic where the flag says it is, and kept nowhere."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from worker.intake import InvalidPostError, PostReader
from worker.stream.client import client_options

if TYPE_CHECKING:
    from worker.records import Flag, Post
    from worker.settings import Settings

Absence = Literal["expired", "deleted", "other", "unreadable", "away"]

_POLL_MS: Final = 100
_PATIENCE_S: Final = 3.0
_FETCH_BYTES: Final = 64 * 2**10


class Found(NamedTuple):
    """The post, or why there is none.

    Attributes:
        post: the post.
        absence: `expired`: the topic keeps nothing that old; `deleted`: its record is gone or was emptied;
            `other`: another post stands there, as when the topic was made anew; `unreadable`: the record is
            no post by the settings of this console; `away`: Kafka does not answer.
    """

    post: Post | None
    absence: Absence | None


class PostText:
    """Reads single posts. Any thread calls it; one post is read at a time.

    Args:
        settings: all settings.

    Raises:
        KafkaError: no broker answers.
        SettingsError: a mapping of `fields` is wrong.
    """

    def __init__(self, settings: Settings) -> None:
        self._reader = PostReader(
            settings.fields, settings.stream.max_text_chars, settings.stream.max_post_bytes
        )
        self._turn = threading.Lock()
        self._consumer: Any = KafkaConsumer(
            **client_options(settings.kafka),
            group_id=None,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
            allow_auto_create_topics=False,
            # One record is wanted; one that is larger is returned all the same.
            max_partition_fetch_bytes=_FETCH_BYTES,
            request_timeout_ms=settings.kafka.request_timeout_ms,
            bootstrap_timeout_ms=settings.kafka.request_timeout_ms,
            metrics_enabled=False,
        )

    def of(self, flag: Flag) -> Found:
        """The post of a flag."""
        place = TopicPartition(flag.source.topic, flag.source.partition)
        try:
            with self._turn:
                record = self._record(place, flag.source.offset)
        except KafkaError:
            return Found(None, "away")
        if not hasattr(record, "value"):
            return Found(None, record)
        if record.value is None:
            return Found(None, "deleted")
        try:
            post = self._reader.read(record.value)
        except InvalidPostError:
            return Found(None, "unreadable")
        return Found(post, None) if post.id == flag.post_id else Found(None, "other")

    def close(self) -> None:
        """Disconnects."""
        with self._turn:
            self._consumer.close()

    def _record(self, place: Any, offset: int) -> Any:
        """The record, or why there is none."""
        self._consumer.assign([place])
        if offset < self._consumer.beginning_offsets([place])[place]:
            return "expired"
        if offset >= self._consumer.end_offsets([place])[place]:
            return "other"
        self._consumer.seek(place, offset)
        until = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until:
            for record in self._consumer.poll(timeout_ms=_POLL_MS, max_records=1).get(place, ()):
                return record if record.offset == offset else "deleted"
            if self._consumer.position(place) > offset:
                return "deleted"
        return "away"
