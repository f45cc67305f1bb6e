"""A range in a file: its records and what was published of them, so that it outlives the topics' retention.

JSON lines. The first tells what was asked for and which offsets that is; then come the records, partition by
partition in the order of offsets, then flags and dead letters in the order of their posts' places; the last
line tells that the file is whole. Keys and values that are not UTF-8 are in Base64.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from worker.errors import SettingsError
from worker.replay.plan import Range, SignalMode, Span
from worker.replay.published import Published
from worker.replay.reading import Read, Stretch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from worker.replay.published import PublishedSource
    from worker.replay.reading import RecordSource

SCHEMA: Final = "replay-capture.v1"
_STRETCH: Final = 2_000


class Head(Struct, frozen=True, kw_only=True, tag_field="is", tag="capture"):
    """The first line."""

    schema: str = SCHEMA
    topic: str
    start_ms: int | None
    end_ms: int | None
    spans: tuple[Span, ...]
    signals: SignalMode
    ranges: tuple[Range, ...]


class Row(Struct, frozen=True, kw_only=True, tag_field="is", tag="record", omit_defaults=True):
    """A record. `value` is missing for a tombstone."""

    partition: int
    offset: int
    timestamp: int
    key: str | None = None
    key_base64: str | None = None
    value: str | None = None
    value_base64: str | None = None


class Sent(Struct, frozen=True, kw_only=True, tag_field="is", tag="published"):
    """A flag or a dead letter."""

    published: Published


class End(Struct, frozen=True, kw_only=True, tag_field="is", tag="end"):
    """The last line."""

    records: int
    unreadable_flags: int


_Line = Head | Row | Sent | End
_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final[msgspec.json.Decoder[_Line]] = msgspec.json.Decoder(_Line)


def write_capture(
    path: Path,
    head: Head,
    source: RecordSource,
    published: Callable[[int], tuple[PublishedSource, Iterator[Published]]],
) -> int:
    """Writes a range to a file, whole or not at all.

    Args:
        path: the file.
        head: its first line.
        source: where the records are read.
        published: given the earliest timestamp, what was published.

    Returns:
        How many records it holds.
    """
    own = path.with_name(f".{path.name}.part")
    records, earliest = 0, None
    try:
        with own.open("wb") as file:
            file.write(_ENCODER.encode(head) + b"\n")
            for of in head.ranges:
                for stretch in source.read(of, of.warm):
                    file.writelines(_ENCODER.encode(_row(of, record)) + b"\n" for record in stretch.records)
                    records += len(stretch.records)
                    times = [one.timestamp for one in stretch.records if one.offset >= of.first]
                    earliest = min([*times, *([] if earliest is None else [earliest])], default=None)
            reader, lines = published(earliest or 0)
            file.writelines(_ENCODER.encode(Sent(published=one)) + b"\n" for one in lines)
            file.write(_ENCODER.encode(End(records=records, unreadable_flags=reader.unreadable)) + b"\n")
        own.replace(path)
    except OSError as error:
        raise SettingsError(f"--capture {path}: {error.strerror}") from None
    finally:
        own.unlink(missing_ok=True)
    return records


class Capture:
    """A captured range, read as Kafka is.

    Attributes:
        head: the first line.
        sha256: of the whole file, in hexadecimal digits.
        unreadable: records of the flags topic that were no flags.

    Raises:
        SettingsError: it can't be read, or is no whole capture.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begins: dict[int, int] = {}
        self._published = 0
        self.unreadable = 0
        digest, at, ended = sha256(), 0, False
        head: Head | None = None
        try:
            with path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    digest.update(line)
                    one = self._decoded(line, number)
                    if isinstance(one, Head):
                        head = one
                    elif isinstance(one, Row):
                        self._begins.setdefault(one.partition, at)
                    elif isinstance(one, Sent):
                        self._published = self._published or at
                    else:
                        ended, self.unreadable = True, one.unreadable_flags
                    at += len(line)
        except OSError as error:
            raise SettingsError(f"--file {path}: {error.strerror}") from None
        if head is None or head.schema != SCHEMA or not ended:
            raise SettingsError(
                f"--file {path}: it is no whole capture (`flagstaff replay --capture` writes one)"
            )
        self.head = head
        self.sha256 = digest.hexdigest()

    def read(self, of: Range, start: int) -> Iterator[Stretch]:
        """The records of a range from an offset on."""
        held: list[Read] = []
        for one in self._lines(self._begins.get(of.partition)):
            if not isinstance(one, Row) or one.partition != of.partition:
                break
            if start <= one.offset < of.end:
                held.append(_read(one))
                if len(held) == _STRETCH:
                    yield Stretch(held, held[-1].offset + 1)
                    held = []
        if start < of.end:
            yield Stretch(held, of.end)

    def published(self) -> Iterator[Published]:
        """What was published of the range, sorted by the post's place."""
        for one in self._lines(self._published or None):
            if isinstance(one, Sent):
                yield one.published

    def _lines(self, begin: int | None) -> Iterator[_Line]:
        if begin is None:
            return
        with self._path.open("rb") as file:
            file.seek(begin)
            for line in file:
                yield _DECODER.decode(line)

    def _decoded(self, line: bytes, number: int) -> _Line:
        try:
            return _DECODER.decode(line)
        except msgspec.MsgspecError as error:
            raise SettingsError(f"--file {self._path}: line {number}: {error}") from None


class CapturedPublished:
    """What was published, as a capture holds it."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self.unreadable = capture.unreadable

    def read(self, earliest_ms: int, folder: Path) -> Iterator[Published]:
        """All of it: it was chosen when it was captured."""
        del earliest_ms, folder
        return self._capture.published()


def _row(of: Range, record: Read) -> Row:
    key, key_base64 = _texts(record.key)
    value, value_base64 = _texts(record.value)
    return Row(
        partition=of.partition,
        offset=record.offset,
        timestamp=record.timestamp,
        key=key,
        key_base64=key_base64,
        value=value,
        value_base64=value_base64,
    )


def _read(row: Row) -> Read:
    return Read(
        row.offset, row.timestamp, _bytes(row.key, row.key_base64), _bytes(row.value, row.value_base64)
    )


def _texts(content: bytes | None) -> tuple[str | None, str | None]:
    """The content as text, else in Base64."""
    if content is None:
        return None, None
    try:
        return content.decode(), None
    except UnicodeDecodeError:
        return None, b64encode(content).decode()


def _bytes(text: str | None, base64: str | None) -> bytes | None:
    if base64 is not None:
        return b64decode(base64)
    return None if text is None else text.encode()
