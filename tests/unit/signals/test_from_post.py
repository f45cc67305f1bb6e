from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.moderation import START, facts
from worker.records import Author, Post
from worker.signals.account_age import AccountAge
from worker.signals.follower_ratio import FollowerRatio
from worker.signals.link_share import LinkShare


def by(author: Author | None, text: str = "some text") -> Post:
    return Post("p", text, created_at=START, author=author)


@pytest.mark.parametrize(
    ("author", "days"),
    [
        (None, None),
        (Author("a"), None),
        (Author("a", START), 0.0),
        (Author("a", START - timedelta(hours=36)), 1.5),
        (Author("a", START + timedelta(milliseconds=1)), None),  # made after its post: some clock is wrong
    ],
)
def test_account_age_in_days_when_it_posted(author: Author | None, days: float | None) -> None:
    assert AccountAge().read(facts(by(author))) == days


@pytest.mark.parametrize(
    ("author", "ratio"),
    [
        (None, None),
        (Author("a", followers=5), None),
        (Author("a", following=5), None),
        (Author("a", followers=0, following=0), 1.0),
        (Author("a", followers=9, following=1), 5.0),
        (Author("a", followers=0, following=99), 0.01),
    ],
)
def test_follower_ratio(author: Author | None, ratio: float | None) -> None:
    assert FollowerRatio().read(facts(by(author))) == ratio


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("", None),
        ("no links at all", 0.0),
        ("https://x.example", 1.0),
        ("1234 http://a.b", 10 / 15),
        ("12345 WWW.A.EXAMPLE", 13 / 19),
        ("12345 HtTp://a.b", 10 / 16),
        ("a://b is no web address", 0.0),
    ],
)
def test_link_share(text: str, share: float | None) -> None:
    assert LinkShare().read(facts(by(None, text))) == share


@given(st.text(st.sampled_from("htps:/w. aW"), min_size=1, max_size=60))
def test_link_share_is_a_share(text: str) -> None:
    share = LinkShare().read(facts(by(None, text)))
    assert share is None or 0 <= share <= 1
