from __future__ import annotations

import os
import subprocess
import sys

from tests.support.moderation import post
from worker.release.share import AuthorShare

AUTHORS = [post(number, "x", author=f"a{number}") for number in range(20_000)]


def test_so_many_authors_are_in_it_as_it_says() -> None:
    share = AuthorShare("one")
    for wanted in (0.01, 0.05, 0.5):
        held = sum(share.holds(one, wanted) for one in AUTHORS) / len(AUTHORS)
        # Five standard errors.
        assert abs(held - wanted) < 5 * (wanted * (1 - wanted) / len(AUTHORS)) ** 0.5


def test_an_author_is_in_it_whatever_the_post_and_stays_when_it_grows() -> None:
    share = AuthorShare("one")
    held = {one.author.id for one in AUTHORS if one.author is not None and share.holds(one, 0.05)}
    again = {
        one.author.id
        for number, _ in enumerate(AUTHORS)
        if share.holds(one := post(f"other-{number}", "another text", author=f"a{number}"), 0.05)
        and one.author is not None
    }
    assert held == again
    larger = {one.author.id for one in AUTHORS if one.author is not None and share.holds(one, 0.25)}
    assert held < larger


def test_another_challenger_begins_with_other_authors() -> None:
    one, other = (
        {post.id for post in AUTHORS if AuthorShare(salt).holds(post, 0.05)} for salt in ("one", "other")
    )
    assert len(one & other) < 0.2 * len(one)


def test_none_and_all_hold_nobody_and_everybody() -> None:
    share = AuthorShare("one")
    assert not any(share.holds(one, 0.0) for one in AUTHORS)
    assert all(share.holds(one, 1.0) for one in AUTHORS)


def test_posts_without_an_author_are_drawn_by_their_own_ids() -> None:
    share = AuthorShare("one")
    posts = [post(number, "x", author=None) for number in range(2_000)]
    held = {one.id for one in posts if share.holds(one, 0.5)}
    assert 800 < len(held) < 1200


def test_it_is_the_same_in_another_process() -> None:
    code = (
        "from tests.support.moderation import post; from worker.release.share import AuthorShare; "
        "print(AuthorShare('one').position(post(1, 'x', author='a1')))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONHASHSEED": "7"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert float(told) == AuthorShare("one").position(post(1, "x", author="a1"))
