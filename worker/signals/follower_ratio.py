"""How many follow the account for each that it follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker.signals.facts import Facts


class FollowerRatio:
    """(followers + 1) / (following + 1), so that an account with neither is neutral."""

    def read(self, facts: Facts) -> float | None:
        """The value: above 0; below 1 the account follows more than follow it."""
        author = facts.post.author
        if author is None or author.followers is None or author.following is None:
            return None
        return (author.followers + 1) / (author.following + 1)
