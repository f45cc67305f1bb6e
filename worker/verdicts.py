"""What the staff say of a flag, all their decisions on it taken together."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Literal

from msgspec import UNSET

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.records import Decision, Verdict

Votes = dict[str, int]
Outcome = Literal["upheld", "overturned"]


def votes_by_flag(decisions: Iterable[Decision]) -> dict[str, Votes]:
    """For each flag's id how many reviewers said `human`, `machine`, `unsure`.

    Of each reviewer the latest decision counts. Where appeals were answered, the latest answer alone counts:
    who gave it knew what those before had not. What was said of texts that measure the staff does not count.
    """
    votes: defaultdict[str, Votes] = defaultdict(lambda: {"human": 0, "machine": 0, "unsure": 0})
    for flag_id, latest in _latest(one for one in decisions if one.exercise is UNSET).items():
        answer = _answer(latest)
        for decision in latest if answer is None else [answer]:
            votes[flag_id][decision.verdict] += 1
    return dict(votes)


def majority(votes: Votes) -> Literal["human", "machine"] | None:
    """What most reviewers said; None where nobody was sure, or as many said the one as the other."""
    if votes["human"] == votes["machine"]:
        return None
    return "human" if votes["human"] > votes["machine"] else "machine"


def appeal_outcomes(decisions: Iterable[Decision]) -> dict[tuple[str, str], Outcome]:
    """How each appeal was answered that was: by flag's and appeal's id. An answer taken back is none."""
    outcomes: dict[tuple[str, str], Outcome] = {}
    for flag_id, latest in _latest(decisions).items():
        for decision in sorted(latest, key=lambda one: one.decided_at):
            for appeal in decision.appeals or ():
                outcomes[flag_id, appeal] = outcome(decision.verdict)
    return outcomes


def overturned_flags(decisions: Iterable[Decision]) -> frozenset[str]:
    """Ids of the flags that the latest answer to an appeal overturned."""
    answers = {flag_id: _answer(latest) for flag_id, latest in _latest(decisions).items()}
    return frozenset(
        flag_id
        for flag_id, one in answers.items()
        if one is not None and outcome(one.verdict) == "overturned"
    )


def outcome(verdict: Verdict) -> Outcome:
    """What a verdict on an appeal means for the flag: it stands only if somebody was sure."""
    return "upheld" if verdict == "machine" else "overturned"


def _answer(latest: Iterable[Decision]) -> Decision | None:
    """The latest answer to an appeal; None where none was answered."""
    return max((one for one in latest if one.appeals), key=lambda one: one.decided_at, default=None)


def _latest(decisions: Iterable[Decision]) -> dict[str, list[Decision]]:
    """Each reviewer's latest decision on each flag, by flag; of two of one moment the later in order."""
    latest: dict[tuple[str, str], Decision] = {}
    for decision in decisions:
        key = (decision.flag_id, decision.reviewer)
        before = latest.get(key)
        if before is None or decision.decided_at >= before.decided_at:
            latest[key] = decision
    by_flag: defaultdict[str, list[Decision]] = defaultdict(list)
    for (flag_id, _), decision in latest.items():
        by_flag[flag_id].append(decision)
    return dict(by_flag)
