"""A record that could not be decided, as a dead letter: unchanged, the reason beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from worker.stream.outbox import Outgoing

if TYPE_CHECKING:
    from collections.abc import Sequence

Stage = Literal["decode", "detect", "signal", "publish"]

ERROR: Final = "flagstaff-error"
STAGE: Final = "flagstaff-stage"
SOURCE: Final = "flagstaff-source"
ATTEMPTS: Final = "flagstaff-attempts"
OURS: Final = frozenset({ERROR, STAGE, SOURCE, ATTEMPTS})

_MAX_ERROR_CHARS: Final = 500


def dead_letter(topic: str, record: Any, *, stage: Stage, error: str) -> Outgoing:
    """The dead letter of a consumed record: key, value and headers as they were, and four headers more."""
    headers: list[tuple[str, bytes]] = [(name, value) for name, value in record.headers if name not in OURS]
    headers += [
        (ERROR, error[:_MAX_ERROR_CHARS].encode(errors="replace")),
        (STAGE, stage.encode()),
        (SOURCE, f"{record.topic}/{record.partition}/{record.offset}".encode()),
        (ATTEMPTS, str(attempts(record.headers) + 1).encode()),
    ]
    return Outgoing(topic, record.value, record.key, headers)


def attempts(headers: Sequence[tuple[str, bytes]]) -> int:
    """How often a record has become a dead letter before."""
    for name, value in headers:
        if name == ATTEMPTS and value.isdigit():
            return int(value)
    return 0
