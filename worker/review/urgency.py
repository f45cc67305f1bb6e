"""Which flag is to be looked at first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from worker.records import Action
    from worker.review.case import State

# What stands against a person most comes first; within an action the score decides, then the older post.
_ACTION: Final[dict[Action, int]] = {"pass": 0, "abstain": 1, "label": 2, "review": 3, "limit": 4}
# Somebody waits for an answer to an appeal; a lead was asked for.
_STATE: Final[dict[State, int]] = {
    "not-asked": 0, "open": 0, "decided": 0, "handed-over": 10, "appealed": 20,
}  # fmt: skip


def urgency(action: Action, score: float, state: State) -> float:
    """How urgent a flag is; the larger the sooner. No time is in it, so the order is the same whenever asked.

    Args:
        action: what the flag proposes.
        score: the flag's, between 0 and 1.
        state: how things stand.
    """
    return _STATE[state] + _ACTION[action] + min(max(score, 0.0), 1.0) / 2
