"""What is hidden can't be worked out: tried with a linear program over all that is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from worker.transparency.suppression import Cell, suppressed, total

if TYPE_CHECKING:
    from collections.abc import Iterator

MINIMUM = 5


def cells(*counts: int) -> tuple[Cell, ...]:
    return tuple(Cell(str(number), count) for number, count in enumerate(counts))


def shown(*counts: int, minimum: int = 10) -> list[int | None]:
    done = suppressed(total("all", *cells(*counts)), minimum)
    return [done.count, *(part.count for part in done.parts)]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((10, 20), [30, 10, 20]),
        ((0, 20), [20, 0, 20]),
        ((9, 20, 30), [59, None, None, 30]),
        ((9, 8, 30), [47, None, None, 30]),
        ((4, 5, 30, 0), [39, None, None, None, 0]),
        ((3, 0), [None, None, 0]),
        ((4, 5), [None, None, None]),
        ((0, 0), [0, 0, 0]),
    ],
)
def test_a_small_count_is_hidden_with_what_would_tell_it(
    counts: tuple[int, ...], expected: list[int | None]
) -> None:
    assert shown(*counts) == expected


def test_a_sum_that_is_hidden_beside_a_small_one_is_not_told_by_its_parts() -> None:
    large = total("large", *cells(40, 60))
    done = suppressed(total("all", total("small", *cells(3)), large, Cell("largest", 500)), 10)
    small, other, largest = done.parts
    assert (done.count, small.count, other.count, largest.count) == (603, None, None, 500)
    assert [part.count for part in other.parts] == [None, 60]


def test_without_a_minimum_all_is_shown() -> None:
    assert shown(1, 2, minimum=1) == [3, 1, 2]


def walk(cell: Cell) -> Iterator[Cell]:
    yield cell
    for part in cell.parts:
        yield from walk(part)


def ranges(cell: Cell) -> list[tuple[float, float]]:
    """Between what each count can lie, by all that is shown: counts are not negative, sums are sums."""
    every = list(walk(cell))
    place = {id(one): number for number, one in enumerate(every)}
    rows, right = [], []
    for one in every:
        if one.count is not None:
            rows.append(np.eye(len(every))[place[id(one)]])
            right.append(float(one.count))
        if one.parts:
            row = -np.eye(len(every))[place[id(one)]]
            for part in one.parts:
                row[place[id(part)]] += 1
            rows.append(row)
            right.append(0.0)
    found = []
    for number in range(len(every)):
        ends = []
        for sign in (1, -1):
            done = linprog(
                sign * np.eye(len(every))[number],
                A_eq=np.array(rows).reshape(-1, len(every)),
                b_eq=right,
                bounds=(0, 10_000),
            )
            assert done.status == 0
            ends.append(sign * done.fun)
        found.append((ends[0], ends[1]))
    return found


LEAVES = st.integers(0, 14).map(lambda count: Cell("leaf", count))
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, min_size=1, max_size=4).map(lambda some: total("sum", *some)),
    max_leaves=9,
)


@settings(max_examples=60, deadline=None)
@given(TREES)
def test_whatever_is_hidden_could_be_as_many_as_the_minimum_more_or_fewer(tree: Cell) -> None:
    done = suppressed(tree, MINIMUM)
    for true, seen, (low, high) in zip(walk(tree), walk(done), ranges(done), strict=True):
        assert true.count is not None
        if seen.count is None:
            assert high - low > MINIMUM - 1 - 1e-6
        else:
            assert seen.count == true.count
            assert not 0 < seen.count < MINIMUM
