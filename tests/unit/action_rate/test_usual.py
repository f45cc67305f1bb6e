from __future__ import annotations

import pytest

from worker.action_rate.usual import UsualShare


def test_nothing_is_usual_until_a_tenth_was_seen() -> None:
    usual = UsualShare(1_000)
    assert [usual.add(1, 10) for _ in range(9)] == [True] * 9
    assert usual.value is None
    usual.add(1, 10)
    assert usual.value == pytest.approx(0.1)


def test_a_block_is_full_once_it_has_its_posts() -> None:
    usual = UsualShare(1_000)
    assert not usual.add(1, 9)
    assert usual.add(1, 1)
    assert usual.shares == (0.2,)


def test_trouble_in_less_than_half_of_the_blocks_does_not_become_usual() -> None:
    usual = UsualShare(10_000, [0.02] * 51)
    for _ in range(49):
        usual.add(100, 100)
    assert usual.value == 0.02


def test_what_was_long_ago_is_forgotten() -> None:
    usual = UsualShare(10_000, [0.02] * 100)
    for _ in range(60):
        usual.add(5, 100)
    assert usual.value == 0.05
    assert len(usual.shares) == 100


def test_the_posts_before_a_hold_are_forgotten_with_their_block() -> None:
    usual = UsualShare(10_000)
    usual.add(99, 99)
    usual.forget_block()
    usual.add(0, 100)
    assert usual.shares == (0.0,)
