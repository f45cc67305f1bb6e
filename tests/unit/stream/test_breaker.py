from __future__ import annotations

import pytest

from worker.errors import BreakerTrippedError
from worker.settings import BreakerSettings
from worker.stream.breaker import DeadLetterBreaker


def test_a_run_of_dead_letters_trips_it_and_the_message_says_what_to_do() -> None:
    breaker = DeadLetterBreaker(BreakerSettings(max_run=3))
    breaker.failed("x")
    breaker.failed("x")
    with pytest.raises(BreakerTrippedError, match=r"3 posts in a row.*breaker\.max_run.*the latest: no text"):
        breaker.failed("no text")
    assert BreakerTrippedError.exit_code == 3


def test_a_decided_post_ends_a_run() -> None:
    breaker = DeadLetterBreaker(BreakerSettings(max_run=3))
    for _ in range(10):
        breaker.failed("x")
        breaker.failed("x")
        breaker.passed(1)


def test_the_share_is_judged_over_a_full_window_only() -> None:
    breaker = DeadLetterBreaker(BreakerSettings(window=10, max_ratio=0.5, max_run=100))
    for _ in range(9):
        breaker.failed("x")
    with pytest.raises(BreakerTrippedError, match=r"100% of the latest 10.*breaker\.max_ratio"):
        breaker.failed("x")


def test_old_failures_leave_the_window() -> None:
    breaker = DeadLetterBreaker(BreakerSettings(window=10, max_ratio=0.5, max_run=100))
    for _ in range(5):
        breaker.failed("x")
    breaker.passed(5)
    breaker.passed(10)
    for _ in range(5):
        breaker.failed("x")
    with pytest.raises(BreakerTrippedError):
        breaker.failed("x")
