from __future__ import annotations

import pytest

from worker.action_rate.watch import RateWatch, design
from worker.errors import SettingsError
from worker.settings import ActionRateSettings

SETTINGS = ActionRateSettings(learn_posts=100_000)


def _every(nth: int, count: int) -> tuple[range, int]:
    return range(0, count, nth), count


def test_until_a_usual_share_is_learned_the_most_is_assumed() -> None:
    watch = RateWatch(SETTINGS)
    assert watch.usual == SETTINGS.usual_most
    for _ in range(10):
        assert watch.add(*_every(50, 1_000)) == (None, True)
    assert watch.usual == pytest.approx(0.02)


@pytest.mark.parametrize(("learned", "usual"), [(0.0, 0.005), (0.03, 0.03), (0.9, 0.1)])
def test_what_is_learned_is_kept_between_least_and_most(learned: float, usual: float) -> None:
    assert RateWatch(SETTINGS, shares=[learned] * 20).usual == usual


def test_what_is_set_is_usual_whatever_was_learned() -> None:
    assert RateWatch(SETTINGS, stated=0.3, shares=[0.02] * 20).usual == 0.3


def test_all_flagged_trips_it_and_is_not_learned() -> None:
    watch = RateWatch(SETTINGS, shares=[0.02] * 20)
    posts = design(SETTINGS).posts_to_trip(0.02, 1.0)
    assert posts is not None
    assert watch.add(*_every(1, 5_000)) == (posts - 1, False)
    assert watch.excursion == (posts, posts)
    watch.see(5_000, 5_000)
    assert watch.present == pytest.approx(1.0, abs=0.01)
    assert watch.shares == (0.02,) * 20


def test_a_lift_begins_anew_with_the_usual_share_that_it_states() -> None:
    watch = RateWatch(SETTINGS, shares=[0.02] * 20)
    assert watch.add(*_every(2, 5_000))[0] is not None
    watch.lifted(0.5)
    assert watch.usual == 0.5
    assert watch.add(*_every(2, 5_000))[0] is None
    watch.lifted(None)
    assert watch.usual == 0.02
    assert watch.add(*_every(2, 5_000))[0] is not None


def test_a_share_far_below_the_usual_is_told_and_trips_nothing() -> None:
    watch = RateWatch(SETTINGS, stated=0.05)
    assert watch.add([], 20_000)[0] is None
    assert watch.low
    for _ in range(5):
        watch.add(*_every(20, 1_000))
    assert not watch.low


def test_without_a_known_usual_share_nothing_is_low() -> None:
    watch = RateWatch(ActionRateSettings(learn_posts=10**9))
    watch.add([], 1_000_000)
    assert not watch.low


def test_the_least_usual_share_may_not_be_above_the_most() -> None:
    with pytest.raises(SettingsError, match=r"usual_least .*USUAL_LEAST.* must not be above usual_most, 0.1"):
        RateWatch(ActionRateSettings(usual_least=0.2))
