"""What a replay was asked for, and which offsets that is.

It is fixed once, so that every shard and every resumption agree.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Literal

import msgspec
from msgspec import Struct

from worker.errors import SettingsError
from worker.settings import FieldSettings, SignalSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SignalMode = Literal["recorded", "rebuilt"]

PLAN: Final = "plan.json"


class Stamp(Struct, frozen=True):
    """Name and digest of a detector or a policy."""

    name: str
    digest: str


class VariantStamp(Struct, frozen=True, kw_only=True):
    """What decides: a detector under a policy, with signals over these times."""

    name: str
    detector: Stamp
    policy: Stamp
    signals: SignalSettings


class Span(Struct, frozen=True):
    """Offsets of one partition that were asked for, both ends included."""

    partition: int
    first: int
    last: int


class Request(Struct, frozen=True, kw_only=True):
    """What was asked for. Two replays with the same request over the same records give the same bytes.

    Attributes:
        topic: the posts topic.
        start_ms: where a range of times begins, in milliseconds since 1970; None: asked for otherwise.
        end_ms: where it ends; that moment is not part of it.
        spans: offsets asked for.
        capture: SHA-256 of the capture file; None: read from Kafka.
        signals: whose readings count.
        variants: what decides.
        fields: where the fields of a post are.
        max_text_chars: a longer text is no post.
        max_post_bytes: a larger record is no post.
        emit: which decisions would be published.
    """

    topic: str
    start_ms: int | None = None
    end_ms: int | None = None
    spans: tuple[Span, ...] = ()
    capture: str | None = None
    signals: SignalMode
    variants: tuple[VariantStamp, ...]
    fields: FieldSettings
    max_text_chars: int
    max_post_bytes: int
    emit: Literal["flagged", "all"]


class Range(Struct, frozen=True, kw_only=True):
    """Offsets of one partition.

    Attributes:
        partition: its number.
        warm: the first offset that is read: what lies before `first` builds the signal state only.
        first: the first offset that is decided.
        end: the offset after the last.
        log_start: the first offset that the topic still had when the range was looked up.
        expired: offsets before `log_start` that the range has, or may have; both ends included.
        certain: whether all of `expired` is the range's. By time it can't be told which records it was.
    """

    partition: int
    warm: int
    first: int
    end: int
    log_start: int = 0
    expired: tuple[int, int] | None = None
    certain: bool = True


class Plan(Struct, frozen=True, kw_only=True):
    """The request, and the offsets that it comes to."""

    request: Request
    ranges: tuple[Range, ...]


def agreed_plan(folder: Path, request: Request, ranges: Callable[[], tuple[Range, ...]]) -> Plan:
    """The plan of a folder: the one that lies there, else a new one that every other shard will find.

    Args:
        folder: where the parts of the replay are.
        request: what is asked for now.
        ranges: looks the offsets up; only called where there is no plan yet.

    Raises:
        SettingsError: the plan that lies there was made for another request.
    """
    path = folder / PLAN
    if not path.exists():
        content = msgspec.json.encode(Plan(request=request, ranges=ranges()))
        own = folder / f"{PLAN}.{os.getpid()}"
        own.write_bytes(content)
        try:
            # Unlike a rename this fails where another shard was first.
            os.link(own, path)
        except FileExistsError:
            pass
        finally:
            own.unlink()
    try:
        plan = msgspec.json.decode(path.read_bytes(), type=Plan)
    except msgspec.DecodeError as error:
        raise SettingsError(f"replay: {path} is no plan of a replay ({error}); name another --out") from None
    for name in Request.__struct_fields__:
        if getattr(plan.request, name) != getattr(request, name):
            raise SettingsError(
                f"replay: {folder.parent} holds a replay that was begun with another `{name}`; go on with "
                "the same parameters, or name another --out"
            )
    return plan
