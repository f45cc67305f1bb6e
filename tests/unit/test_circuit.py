from __future__ import annotations

import threading

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from worker.circuit import Circuit


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Clock) -> Circuit:
    circuit = Circuit(2, 10.0, clock)
    assert not circuit.failed()
    assert circuit.failed()
    return circuit


def test_opens_after_failures_in_a_row_only() -> None:
    circuit = Circuit(3, 10.0, Clock())
    for _ in range(5):
        assert not circuit.failed()
        assert not circuit.failed()
        assert not circuit.succeeded()
    assert circuit.allows()


def test_lets_one_trial_through_after_the_pause() -> None:
    clock = Clock()
    circuit = opened(clock)
    assert not circuit.allows()
    clock.now = 10.0
    assert [circuit.allows() for _ in range(3)] == [True, False, False]


def test_a_trial_that_succeeds_closes_it_and_one_that_fails_does_not() -> None:
    clock = Clock()
    circuit = opened(clock)
    clock.now = 10.0
    assert circuit.allows()
    assert not circuit.failed()
    assert not circuit.allows()
    clock.now = 20.0
    assert circuit.allows()
    assert circuit.succeeded()
    assert circuit.allows()
    assert not circuit.is_open


def test_many_threads_share_one_trial() -> None:
    clock = Clock()
    circuit = opened(clock)
    clock.now = 10.0
    barrier = threading.Barrier(8)
    allowed: list[bool] = []

    def ask() -> None:
        barrier.wait()
        allowed.append(circuit.allows())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(allowed) == 1


class AnyOrder(RuleBasedStateMachine):
    """Whatever happens: a closed circuit allows all, an open one at most one call in each pause."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.circuit = Circuit(3, 10.0, self.clock)
        self.in_a_row = 0
        self.last_allowed_or_failed = 0.0

    @rule(seconds=st.integers(1, 15))
    def time_passes(self, seconds: int) -> None:
        self.clock.now += seconds

    @rule()
    def a_call_fails(self) -> None:
        self.in_a_row += 1
        self.circuit.failed()
        self.last_allowed_or_failed = self.clock.now

    @rule()
    def a_call_succeeds(self) -> None:
        self.in_a_row = 0
        self.circuit.succeeded()

    @precondition(lambda self: self.circuit.is_open)
    @rule()
    def a_call_is_asked_for(self) -> None:
        is_due = self.clock.now >= self.last_allowed_or_failed + 10
        assert self.circuit.allows() == is_due
        if is_due:
            self.last_allowed_or_failed = self.clock.now

    @invariant()
    def is_open_after_three_in_a_row(self) -> None:
        assert self.circuit.is_open == (self.in_a_row >= 3)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
