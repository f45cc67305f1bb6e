"""The parts of the simulation by themselves."""

from __future__ import annotations

import pytest
from simpy import Environment

from worker.capacity.costs import Affine
from worker.capacity.fitting import fitted
from worker.capacity.processor import Processor


def test_a_line_is_found_again() -> None:
    counts = [1, 10, 100, 1_000]
    found = fitted(counts, [0.5 + 0.02 * count for count in counts])
    assert found.fixed == pytest.approx(0.5)
    assert found.each == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("seconds", "expected"), [([0.1, 1.0, 10.5], Affine(0.0, 0.1)), ([5.0, 4.9, 4.8], Affine(4.9, 0.0))]
)
def test_no_cost_is_below_zero(seconds: list[float], expected: Affine) -> None:
    found = fitted([1, 10, 100], seconds)
    assert found.fixed == pytest.approx(expected.fixed, rel=0.03)
    assert found.each == pytest.approx(expected.each, rel=0.05)


def ends(
    cores: float, *, python: tuple[float, ...], native: tuple[float, ...], switch: float = 0.0
) -> list[float]:
    """When each job ends, of those that begin together; native ones have two threads."""
    env = Environment()
    cpu = Processor(env, cores, switch)
    found: list[float] = []

    def in_python(seconds: float) -> object:
        yield from cpu.python(seconds)
        found.append(env.now)

    def in_native(seconds: float) -> object:
        yield cpu.native(seconds, 2.0)
        found.append(env.now)

    for seconds in python:
        env.process(in_python(seconds))  # type: ignore[arg-type]  # a generator of events
    for seconds in native:
        env.process(in_native(seconds))  # type: ignore[arg-type]  # as above
    env.run()
    return [round(at, 6) for at in found]


def test_threads_of_python_share_one_core() -> None:
    assert ends(4.0, python=(1.0,), native=()) == [1.0]
    assert ends(4.0, python=(1.0, 2.0), native=()) == [2.0, 3.0]


def test_native_work_has_a_core_a_thread() -> None:
    assert ends(4.0, python=(1.0,), native=(4.0,)) == [1.0, 2.0]


def test_where_cores_are_short_all_get_less() -> None:
    # Three threads on two cores: each has two thirds of one.
    assert ends(2.0, python=(2.0,), native=(4.0,)) == [3.0, 3.0]


def test_whoever_finds_the_lock_taken_asks_for_it_first() -> None:
    assert ends(4.0, python=(1.0, 1.0), native=(), switch=0.25) == [1.75, 2.0]
