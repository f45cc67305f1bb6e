"""The counts of a backtest, against plain counting."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.backtest.account import Account, Decided, change_of, share
from worker.backtest.figures import Share, Verdict
from worker.records import Action

if TYPE_CHECKING:
    from worker.backtest.figures import Change

ACTIONS: Final = (*get_args(Action), None)
DAY_MS: Final = 86_400_000


@pytest.mark.parametrize(
    ("live", "candidate", "change"),
    [
        ("pass", "abstain", "none"),
        ("pass", "label", "comes"),
        (None, "review", "comes"),
        ("limit", "pass", "goes"),
        ("label", None, "goes"),
        ("label", "review", "changes"),
        ("review", "review", "same"),
        (None, None, "none"),
    ],
)
def test_what_becomes_of_a_flag(live: Action | None, candidate: Action | None, change: Change) -> None:
    assert change_of(live, candidate) == change


def test_a_share_of_nothing_has_no_value_and_one_of_few_authors_is_wide() -> None:
    assert share([], []) == Share(count=0, of=0)
    hits = [True] * 10 + [False] * 10
    apart = share(hits, [f"a{number}" for number in range(20)])
    together = share(hits, ["a"] * 10 + ["b"] * 10)
    assert (apart.count, apart.of, apart.value) == (10, 20, 0.5)
    assert (together.count, together.of, together.value) == (10, 20, 0.5)
    # Wilson's: one post an author is worth one less than there are, as their spread is estimated.
    assert (apart.low, apart.high) == pytest.approx((0.294952, 0.705048), abs=2e-6)
    assert together.low is not None
    assert apart.low is not None
    assert together.low < apart.low


decided = st.builds(
    Decided,
    at=st.integers(0, 5 * DAY_MS),
    author=st.sampled_from("abcdef"),
    verdict=st.sampled_from(get_args(Verdict)),
    live=st.sampled_from(ACTIONS),
    candidate=st.sampled_from(ACTIONS),
)


@given(st.lists(decided, max_size=40))
def test_counts_are_those_of_plain_counting(posts: list[Decided]) -> None:
    account = Account()
    for post in posts:
        account.add(post)
    done = [post for post in posts if post.candidate is not None]
    assert (account.posts, account.failed) == (len(done), len(posts) - len(done))
    assert sum(account.changes.values()) == len(posts)
    assert sum(account.transitions.values()) == sum(post.live != post.candidate for post in posts)
    reviews = account.reviews()
    queued = [post for post in done if post.candidate in {"review", "limit"}]
    assert reviews.total == len(queued)
    assert reviews.days == len({post.at // DAY_MS for post in done})
    dates = [datetime.fromtimestamp(post.at / 1000, UTC).date().isoformat() for post in queued]
    assert {day: one.reviews for day, one in reviews.by_day.items() if one.reviews} == {
        day: dates.count(day) for day in dates
    }
    assert reviews.most_per_day == max((dates.count(day) for day in dates), default=0)
    for against, actions in (
        (account.flagged(), {"label", "review", "limit"}),
        (account.sent_to_people(), {"review", "limit"}),
    ):
        hits = [post for post in posts if post.candidate in actions]
        sure = [post for post in hits if post.verdict in {"machine", "human"}]
        machines = [post for post in posts if post.verdict == "machine"]
        right = [post for post in sure if post.verdict == "machine"]
        assert (against.flags, against.reviewed) == (len(hits), len(sure))
        assert (against.precision.count, against.precision.of) == (len(right), len(sure))
        assert (against.recall.count, against.recall.of) == (len(right), len(machines))


@given(st.lists(decided, max_size=20))
def test_beside_itself_nothing_comes_or_goes(posts: list[Decided]) -> None:
    account = Account()
    for post in posts:
        account.add(post._replace(candidate=post.live))
    assert set(account.changes) <= {"same", "none"}
    assert not account.transitions
    assert not any(account.verdicts.values())


def test_a_time_that_no_calendar_has_is_counted_at_its_end() -> None:
    account = Account()
    account.add(Decided(2**62, "a", "none", "pass", "review"))
    account.add(Decided(-(2**62), "a", "none", "pass", "pass"))
    assert list(account.reviews().by_day) == ["0001-01-01", "9999-12-31"]
