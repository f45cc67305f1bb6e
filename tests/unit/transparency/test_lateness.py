"""When posts were overdue, beside a count minute by minute."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from worker.transparency.lateness import MINUTE_MS, Lateness, Stretch

START, END, BOUND = 100 * MINUTE_MS, 200 * MINUTE_MS, 10 * MINUTE_MS


def late(*pairs: tuple[int, int]) -> Lateness:
    made = Lateness(START, END, BOUND)
    for posted, decided in pairs:
        made.add(posted, decided)
    return made


def test_a_post_is_overdue_from_the_bound_until_it_is_decided() -> None:
    found = late((120 * MINUTE_MS + 5, 150 * MINUTE_MS + 5), (125 * MINUTE_MS, 140 * MINUTE_MS))
    assert found.stretches() == [Stretch(130, 151, 2)]
    assert found.late == 2


def test_in_time_is_in_time() -> None:
    found = late((120 * MINUTE_MS, 130 * MINUTE_MS))
    assert (found.late, found.stretches()) == (0, [])


def test_stretches_end_with_the_period_and_apart_ones_stay_apart() -> None:
    found = late(
        (80 * MINUTE_MS, 105 * MINUTE_MS),
        (110 * MINUTE_MS, 121 * MINUTE_MS),
        (195 * MINUTE_MS, 900 * MINUTE_MS),
        (185 * MINUTE_MS, 900 * MINUTE_MS),
    )
    assert found.stretches() == [Stretch(100, 105, 1), Stretch(120, 121, 1), Stretch(195, 200, 1)]
    assert found.late == 4


@given(
    st.lists(
        st.tuples(st.integers(START, END - 1), st.integers(0, 120 * MINUTE_MS)).map(
            lambda one: (one[0], one[0] + one[1])
        ),
        max_size=12,
    )
)
def test_the_stretches_are_the_minutes_in_which_some_post_was_overdue(pairs: list[tuple[int, int]]) -> None:
    found = late(*pairs)
    overdue = {
        minute
        for minute in range(START // MINUTE_MS, END // MINUTE_MS)
        for posted, decided in pairs
        if posted + BOUND < (minute + 1) * MINUTE_MS and decided > max(minute * MINUTE_MS, posted + BOUND)
    }
    stretches = found.stretches()
    assert {minute for one in stretches for minute in range(one.begin, one.end)} == overdue
    assert all(one.end < other.begin for one, other in pairwise(stretches))
    assert found.late == sum(decided > posted + BOUND for posted, decided in pairs)
    # One that became overdue after the period is late, and tells of no time within it.
    assert sum(one.flags for one in stretches) == sum(
        decided > posted + BOUND and posted + BOUND < END for posted, decided in pairs
    )
