"""Waits for a condition instead of a time, and how long such waits last at most."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

# Longest wait in seconds for something whose speed is not what a test shows: other tests may leave it little
# of the processor, and only a test that fails waits so long. pytest's own limit on a test is longer.
PATIENCE_S: Final = 180.0
_LOOK_EVERY_S: Final = 0.1


def wait_until(
    condition: Callable[[], bool], *, timeout_s: float = PATIENCE_S, what: str = "the condition"
) -> None:
    """Returns as soon as the condition holds; fails the test where it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come about within {timeout_s:.0f} s"
        time.sleep(_LOOK_EVERY_S)
