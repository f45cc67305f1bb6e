"""Posts over time: the finest slots that are few, whatever the order."""

from __future__ import annotations

import random

import pytest

from worker.replay.timeline import Slot, Timeline


def timeline(times_ms: list[int]) -> Timeline:
    made = Timeline()
    for number, one in enumerate(times_ms):
        made.add(one, differs=not number)
    made.sort()
    return made


@pytest.mark.parametrize(
    ("seconds", "width_s"),
    [
        (0, 1),
        (95, 1),
        (96, 5),
        (86_399, 900),
        (86_400, 1800),
        (31 * 86_400, 43_200),
        (4e11, 2_419_200 * 2**11),
    ],
)
def test_slots_are_as_fine_as_96_of_them_allow(seconds: float, width_s: int) -> None:
    found = timeline([0, int(seconds * 1000)])
    assert found.width_s == width_s
    assert sum(slot.posts for slot in found.slots.values()) == 2


def test_the_order_does_not_matter_and_no_post_is_lost() -> None:
    drawn = random.Random(7)  # noqa: S311 - made-up times
    times = [drawn.randrange(-3_000_000, 90_000_000) for _ in range(2_000)]
    found = timeline(times)
    assert sum(slot.posts for slot in found.slots.values()) == 2_000
    assert sum(slot.differing for slot in found.slots.values()) == 1
    assert len(found.slots) <= 96
    rest = times[1:]
    drawn.shuffle(rest)
    assert timeline([times[0], *rest]) == found
    start = times[0] // 1000 // found.width_s * found.width_s
    assert found.slots[start].differing == 1
    assert isinstance(found.slots[start], Slot)
