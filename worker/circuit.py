"""A circuit breaker (Nygard, "Release It!", 2007): leaves a service alone for a while after it has failed."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Circuit:
    """Closed while calls succeed; open after `failures` in a row; `reset_s` later one trial call decides.

    Safe to use from several threads.

    Args:
        failures: failures in a row that open it, at least 1.
        reset_s: seconds between its opening, or a failed trial, and the next trial.
        clock: seconds that never go back.
    """

    def __init__(self, failures: int, reset_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._failures = failures
        self._reset_s = reset_s
        self._clock = clock
        self._lock = Lock()
        self._in_a_row = 0
        self._next_trial: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether calls are refused, but for trials."""
        return self._next_trial is not None

    def allows(self) -> bool:
        """Whether a call may be made now. Where it is open, True is given once a pause: for the trial."""
        if self._next_trial is None:
            return True
        with self._lock:
            now = self._clock()
            if self._next_trial is None:
                return True
            if now < self._next_trial:
                return False
            # Should the trial never report back, another one follows after the same pause.
            self._next_trial = now + self._reset_s
            return True

    def succeeded(self) -> bool:
        """A call succeeded. Returns whether that closed the circuit."""
        with self._lock:
            closed = self._next_trial is not None
            self._in_a_row = 0
            self._next_trial = None
            return closed

    def failed(self) -> bool:
        """A call failed. Returns whether that opened the circuit."""
        with self._lock:
            self._in_a_row += 1
            was_open = self._next_trial is not None
            if was_open or self._in_a_row >= self._failures:
                self._next_trial = self._clock() + self._reset_s
                return not was_open
            return False
