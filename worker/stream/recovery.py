"""What follows a transaction that did not commit: how long to wait, and when to give up."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Final

import structlog

from worker.errors import BrokerError, FencedError
from worker.stream.refusal import in_words

if TYPE_CHECKING:
    from worker.stream.outbox import Report

log = structlog.get_logger(__name__)

_FENCED_WITHIN_S: Final = 300.0
_OWN_SHADOW_S: Final = 60.0
_FIRST_DELAY_S: Final = 0.1
_LONGEST_DELAY_S: Final = 10.0


class Recovery:
    """Counts failures. A commit forgives them; being fenced is counted over five minutes."""

    def __init__(self, *, max_fenced: int, transactional_id: str) -> None:
        self._fenced: deque[float] = deque(maxlen=max_fenced)
        self._transactional_id = transactional_id
        self._failures = 0
        self._unknown_at = -_OWN_SHADOW_S

    def committed(self) -> None:
        """A transaction went through."""
        self._failures = 0

    def delay_after(self, report: Report) -> float:
        """Seconds to wait before the next producer.

        Raises:
            FencedError: another worker took over once too often.
            BrokerError: Kafka refuses the work itself, so that trying again would not help.
        """
        if report.fate == "refused":
            raise BrokerError(f"Kafka refuses the transaction: {_sentence(report.error)}") from report.error
        if report.fate == "displaced":
            raise FencedError(displaced())
        if report.fate == "unknown":
            self._unknown_at = time.monotonic()
        elif report.fate == "fenced":
            self._note_fenced()
        self._failures += 1
        delay = min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2.0 ** min(self._failures - 1, 10))
        log.warning("transaction_failed", fate=report.fate, error=_sentence(report.error), delay_s=delay)
        return delay

    def _note_fenced(self) -> None:
        now = time.monotonic()
        if now - self._unknown_at < _OWN_SHADOW_S:
            # An InitProducerId of our own that went unanswered may arrive late and fence its successor.
            return
        self._fenced.append(now)
        if len(self._fenced) == self._fenced.maxlen and now - self._fenced[0] < _FENCED_WITHIN_S:
            raise FencedError(
                f"fenced {len(self._fenced)} times within {_FENCED_WITHIN_S:.0f} s: another worker uses the "
                f"transactional id {self._transactional_id!r}; give each its own host name, data_dir or "
                "FLAGSTAFF_KAFKA__TRANSACTIONAL_ID_PREFIX"
            )


def displaced() -> str:
    """What to say when another consumer has taken over this one's static membership."""
    return (
        "another consumer uses the same kafka.group_instance_id (FLAGSTAFF_KAFKA__GROUP_INSTANCE_ID); "
        "give each worker its own"
    )


def _sentence(error: Exception | None) -> str:
    return in_words(error) if error is not None else "no error told"
