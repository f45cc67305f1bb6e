"""What the staff said in a period, and what became of appeals: pure counts over entries."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from worker.review.agreement import krippendorff_alpha
from worker.review.case import fold
from worker.transparency.suppression import Cell, total
from worker.verdicts import Outcome, majority, outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from worker.records import Action, Appeal, Verdict
    from worker.review.case import Case
    from worker.review.entry import Entry

EARLIER: Final = "earlier"
_ROWS: Final = ("limit", "review", "label", "abstain", "pass", EARLIER)
_COLUMNS: Final[tuple[Verdict, ...]] = ("machine", "human", "unsure")
_WORK: Final = ("verdict", "undo", "hand-over")
_OUTCOMES: Final[tuple[Outcome, ...]] = ("upheld", "overturned")


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


def decided_on(entries: Iterable[Entry], start: datetime, end: datetime) -> set[str]:
    """The ids of the flags on which a verdict was given from a time on and before another."""
    return {one.flag_id for one in entries if one.kind == "verdict" and start <= one.at < end}


def reviewed(
    entries: Sequence[Entry], actions: Mapping[str, Action], start: datetime, end: datetime
) -> Reviews:
    """What the staff said from a time on and before another.

    Args:
        entries: all before the end, in the order of the topic.
        actions: of the flags of the period's posts, those that were decided on: what they propose.
        start: where the period begins.
        end: where it ends.
    """
    results: Counter[tuple[str, Verdict]] = Counter()
    units: list[tuple[Verdict, ...]] = []
    cases = _cases(entries)
    # In the same order each time: the last bits of alpha depend on it.
    for flag_id in sorted(decided_on(entries, start, end)):
        case = cases[flag_id]
        if not case.latest:
            continue
        if not case.answers and len(case.latest) > 1:
            units.append(tuple(case.verdicts.values()))
        results[actions.get(flag_id, EARLIER), _result(case)] += 1
    work = Counter({one.name: one.kind for one in entries if start <= one.at < end}.values())
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
    appeals: Iterable[Appeal], entries: Sequence[Entry], start: datetime, end: datetime
) -> tuple[Cell, Cell]:
    """The appeals that came in, and the earlier ones that were answered, each by how.

    Args:
        appeals: all before the end; one that comes twice counts once.
        entries: all before the end, in the order of the topic.
        start: where the period begins.
        end: where it ends.
    """
    came: dict[tuple[str, str], datetime] = {}
    for one in appeals:
        key = (one.flag_id, one.id)
        came[key] = min(one.appealed_at, came.get(key, one.appealed_at))
    by_end, by_start = _answers(entries), _answers([one for one in entries if one.at < start])
    received = Counter(by_end.get(key, "open") for key, at in came.items() if start <= at < end)
    earlier = Counter(
        by_end[key] for key, at in came.items() if at < start and key in by_end and key not in by_start
    )
    return (
        total("received", *(Cell(name, received[name]) for name in (*_OUTCOMES, "open"))),
        total("answered", *(Cell(name, earlier[name]) for name in _OUTCOMES)),
    )


def _cases(entries: Iterable[Entry]) -> dict[str, Case]:
    """How each flag stands; what it proposes does not matter here."""
    of_flag: defaultdict[str, list[Entry]] = defaultdict(list)
    for one in entries:
        of_flag[one.flag_id].append(one)
    return {flag_id: fold("review", 1, some) for flag_id, some in of_flag.items()}


def _answers(entries: Iterable[Entry]) -> dict[tuple[str, str], Outcome]:
    """How each appeal was answered that was: by flag's and appeal's id."""
    return {
        (flag_id, appeal): outcome(answer.verdict)
        for flag_id, case in _cases(entries).items()
        for appeal, answer in case.answers.items()
    }


def _result(case: Case) -> Verdict:
    """What most people say; after an appeal, what its latest answer says."""
    if case.answers:
        return max(case.answers.values(), key=lambda one: one.at).verdict
    votes = dict.fromkeys(("human", "machine", "unsure"), 0) | Counter(case.verdicts.values())
    return majority(votes) or "unsure"
