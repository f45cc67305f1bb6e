"""How old the account was when it posted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.signals.facts import milliseconds

if TYPE_CHECKING:
    from worker.signals.facts import Facts

_DAY_MS: Final = 86_400_000


class AccountAge:
    """Days between the account's creation and the post; None for an account made after its post."""

    def read(self, facts: Facts) -> float | None:
        """The value, in days."""
        author = facts.post.author
        if author is None or author.created_at is None:
            return None
        age = facts.at - milliseconds(author.created_at)
        return age / _DAY_MS if age >= 0 else None
