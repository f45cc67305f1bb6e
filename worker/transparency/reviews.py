"""What the staff said in a period, and what became of appeals: pure counts over entries."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from worker.review.agreement import krippendorff_alpha
from worker.review.case import fold
from worker.transparency.suppression import Cell, total
from worker.verdicts import appeal_outcomes, majority, votes_by_flag

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from worker.records import Action, Appeal, Decision, Verdict
    from worker.review.entry import Entry
    from worker.verdicts import Votes

EARLIER: Final = "earlier"
_ROWS: Final = ("limit", "review", "label", "abstain", "pass", EARLIER)
_COLUMNS: Final[tuple[Verdict, ...]] = ("machine", "human", "unsure")
_WORK: Final = ("verdict", "undo", "hand-over")
_OUTCOMES: Final[tuple[Literal["upheld", "overturned"], ...]] = ("upheld", "overturned")


class Said(NamedTuple):
    """A record of the decisions topic: as the console reads it, and the plain value."""

    entry: Entry
    decision: Decision


class Reviews(NamedTuple):
    """What the staff said.

    Attributes:
        work: how many verdicts, undos and hand overs there were.
        verdicts: flags on which a verdict was given in the period and some verdict stands at its end, by the
            flag's action, and by what most of the verdicts say; `unsure` where neither has most.
        shared: those on which two people or more decided each on their own: whether all said the same.
        alpha: Krippendorff's over those; None where it is not defined.
    """

    work: tuple[Cell, ...]
    verdicts: Cell
    shared: Cell
    alpha: float | None


def decided_on(said: Iterable[Said], start: datetime, end: datetime) -> set[str]:
    """The ids of the flags on which a verdict was given from a time on and before another."""
    return {one.entry.flag_id for one in said if one.entry.kind == "verdict" and start <= one.entry.at < end}


def reviewed(said: Sequence[Said], actions: Mapping[str, Action], start: datetime, end: datetime) -> Reviews:
    """What the staff said from a time on and before another.

    Args:
        said: all that was said before the end, in the order of the topic.
        actions: of the flags of the period's posts, those that were decided on: what they propose.
        start: where the period begins.
        end: where it ends.
    """
    answered = {flag_id for flag_id, _ in appeal_outcomes(one.decision for one in said)}
    of_flag: defaultdict[str, list[Said]] = defaultdict(list)
    for one in said:
        of_flag[one.entry.flag_id].append(one)
    results: Counter[tuple[str, Verdict]] = Counter()
    units: list[tuple[Verdict, ...]] = []
    for flag_id in sorted(decided_on(said, start, end)):
        some = of_flag[flag_id]
        standing = fold("review", 1, (one.entry for one in some)).verdicts
        if not standing:
            continue
        votes: Votes = {**dict.fromkeys(_COLUMNS, 0), **Counter(standing.values())}
        if flag_id in answered:
            votes = votes_by_flag(one.decision for one in some)[flag_id]
        elif len(standing) > 1:
            units.append(tuple(standing.values()))
        results[actions.get(flag_id, EARLIER), majority(votes) or "unsure"] += 1
    names = {one.entry.name: one.entry.kind for one in said if start <= one.entry.at < end}
    work = Counter(names.values())
    agreed = sum(len(set(unit)) == 1 for unit in units)
    return Reviews(
        work=tuple(Cell(kind, work[kind]) for kind in _WORK),
        verdicts=total(
            "reviewed",
            *(total(row, *(Cell(column, results[row, column]) for column in _COLUMNS)) for row in _ROWS),
        ),
        shared=total("shared", Cell("agreed", agreed), Cell("disagreed", len(units) - agreed)),
        alpha=krippendorff_alpha(units),
    )


def appealed(
    appeals: Iterable[Appeal], said: Sequence[Said], start: datetime, end: datetime
) -> tuple[Cell, Cell]:
    """The appeals that came in, and the earlier ones that were answered, each by how.

    Args:
        appeals: all before the end; one that comes twice counts once.
        said: all that was said before the end.
        start: where the period begins.
        end: where it ends.
    """
    came: dict[tuple[str, str], datetime] = {}
    for one in appeals:
        key = (one.flag_id, one.id)
        came[key] = min(one.appealed_at, came.get(key, one.appealed_at))
    by_end = appeal_outcomes(one.decision for one in said)
    by_start = appeal_outcomes(one.decision for one in said if one.entry.at < start)
    received = Counter(by_end.get(key, "open") for key, at in came.items() if start <= at < end)
    earlier = Counter(
        by_end[key] for key, at in came.items() if at < start and key in by_end and key not in by_start
    )
    return (
        total("received", *(Cell(name, received[name]) for name in (*_OUTCOMES, "open"))),
        total("answered", *(Cell(name, earlier[name]) for name in _OUTCOMES)),
    )
