from __future__ import annotations

import pytest

from worker.release.rungs import ALL, OFF, SHADOW, Rung, above, below, ladder

RUNGS = ladder((0.05, 0.25))


def test_the_ladder_goes_from_off_over_growing_shares_to_all() -> None:
    assert ladder((0.25, 0.05, 0.25)) == (OFF, SHADOW, Rung("share", 0.05), Rung("share", 0.25), ALL)


@pytest.mark.parametrize("place", range(len(RUNGS)))
def test_one_step_up_and_one_down_lead_to_the_neighbours(place: int) -> None:
    higher = RUNGS[place + 1] if place + 1 < len(RUNGS) else None
    lower = RUNGS[place - 1] if place else None
    assert (above(RUNGS[place], RUNGS), below(RUNGS[place], RUNGS)) == (higher, lower)


def test_a_share_that_the_settings_no_longer_have_lies_between_its_neighbours() -> None:
    odd = Rung("share", 0.1)
    assert above(odd, RUNGS) == Rung("share", 0.25)
    assert below(odd, RUNGS) == Rung("share", 0.05)


def test_without_shares_it_goes_from_shadow_to_all() -> None:
    assert above(SHADOW, ladder(())) == ALL
