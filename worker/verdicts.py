"""What the staff say of a flag, all their decisions on it taken together."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.records import Decision

Votes = dict[str, int]


def votes_by_flag(decisions: Iterable[Decision]) -> dict[str, Votes]:
    """For each flag's id how many reviewers said `human`, `machine`, `unsure`; of each the latest counts."""
    latest: dict[tuple[str, str], Decision] = {}
    for decision in decisions:
        key = (decision.flag_id, decision.reviewer)
        before = latest.get(key)
        if before is None or decision.decided_at >= before.decided_at:
            latest[key] = decision
    votes: defaultdict[str, Votes] = defaultdict(lambda: {"human": 0, "machine": 0, "unsure": 0})
    for (flag_id, _), decision in latest.items():
        votes[flag_id][decision.verdict] += 1
    return dict(votes)


def majority(votes: Votes) -> Literal["human", "machine"] | None:
    """What most reviewers said; None where nobody was sure, or as many said the one as the other."""
    if votes["human"] == votes["machine"]:
        return None
    return "human" if votes["human"] > votes["machine"] else "machine"
