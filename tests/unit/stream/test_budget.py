from __future__ import annotations

from worker.settings import StreamSettings
from worker.stream.budget import Budget


def test_room_is_bounded_by_one_poll() -> None:
    assert Budget(StreamSettings(in_flight_posts=100, poll_records=30)).room() == 30


def test_no_room_once_the_posts_are_spent_and_again_after_a_fifth_is_free() -> None:
    budget = Budget(StreamSettings(in_flight_posts=100, poll_records=1000))
    budget.add(100, 100)
    assert budget.room() == 0
    budget.release(15, 15)
    assert budget.room() == 0
    budget.release(15, 15)
    assert budget.room() == 10
    budget.release(70, 70)
    assert budget.room() == 100


def test_bytes_bound_it_by_the_mean_record_so_far() -> None:
    budget = Budget(StreamSettings(in_flight_posts=10_000, in_flight_bytes=1_000_000, poll_records=10_000))
    budget.add(9, 899_000)
    assert 1 <= budget.room() <= 2
    budget.add(2, 200_000)
    assert budget.room() == 0
