"""Stops the worker when too many posts go wrong, before the dead-letter topic fills up."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from worker.errors import BreakerTrippedError
from worker.metrics import BREAKER

if TYPE_CHECKING:
    from worker.settings import BreakerSettings


class DeadLetterBreaker:
    """Counts dead letters among the latest posts, and in a row.

    A share is only judged over a full window, so that the first few posts after a start can't trip it.
    """

    def __init__(self, settings: BreakerSettings) -> None:
        self._settings = settings
        self._window: deque[bool] = deque(maxlen=settings.window)
        self._failed = 0
        self._run = 0
        BREAKER.set(0)

    def passed(self, count: int) -> None:
        """So many posts in a row were decided."""
        if count:
            self._run = 0
        if not self._failed and len(self._window) == self._settings.window:
            return
        for _ in range(min(count, self._settings.window)):
            self._add(failed=False)

    def failed(self, reason: str) -> None:
        """A post became a dead letter.

        Raises:
            BreakerTrippedError: that was one too many.
        """
        self._run += 1
        self._add(failed=True)
        share = self._failed / self._settings.window
        if self._run >= self._settings.max_run:
            self._trip(f"{self._run} posts in a row became dead letters", "max_run", reason)
        if len(self._window) == self._settings.window and share > self._settings.max_ratio:
            self._trip(
                f"{share:.0%} of the latest {len(self._window)} posts became dead letters",
                "max_ratio",
                reason,
            )

    def _add(self, *, failed: bool) -> None:
        if len(self._window) == self._settings.window:
            self._failed -= self._window[0]
        self._window.append(failed)
        self._failed += failed

    def _trip(self, what: str, limit: str, reason: str) -> None:
        BREAKER.set(1)
        raise BreakerTrippedError(
            f"stopped: {what} (breaker.{limit}), the latest: {reason}; their offsets are not committed. "
            "Mend the producer or the detector and start again"
        )
