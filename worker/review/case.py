"""How things stand with a flag: a pure fold over what was done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from worker.records import Action, Verdict
    from worker.review.entry import Entry

State = Literal["not-asked", "open", "decided", "handed-over", "appealed"]


class Case(NamedTuple):
    """How things stand.

    Attributes:
        state: `not-asked` where the flag asks for nothing (`pass`, `abstain`) and nobody decided; `open`
            until enough people have decided; `handed-over` until a lead decides; `appealed` until somebody
            decides who had not before.
        verdicts: what each reviewer's latest standing verdict is.
        entries: how many entries each reviewer has made, all kinds and those taken back included.
    """

    state: State
    verdicts: Mapping[str, Verdict]
    entries: Mapping[str, int]


def fold(action: Action, needed: int, entries: Iterable[Entry]) -> Case:
    """Where a flag stands after these entries.

    An undo takes the reviewer's latest standing verdict back, so that the one before it stands again. A hand
    over ends with the next verdict of anybody else, an appeal with that of somebody who had no verdict
    standing when it came.

    Args:
        action: what the flag proposes.
        needed: how many people have to decide.
        entries: in the order of the topic; an entry that comes twice counts once.
    """
    standing: dict[str, list[Verdict]] = {}
    count: dict[str, int] = {}
    seen: set[str] = set()
    handed_by: str | None = None
    biased: frozenset[str] | None = None
    for entry in entries:
        if entry.name in seen:
            continue
        seen.add(entry.name)
        who = entry.reviewer
        if entry.kind == "appeal":
            biased = frozenset(name for name, given in standing.items() if given)
            continue
        count[who] = count.get(who, 0) + 1
        given = standing.setdefault(who, [])
        if entry.kind == "undo":
            if handed_by == who:
                handed_by = None
            elif given:
                given.pop()
        elif entry.kind == "hand-over":
            handed_by = who
        else:
            given.append(entry.verdict)
            if handed_by is not None and handed_by != who:
                handed_by = None
                needed = 1
            if biased is not None and who not in biased:
                biased = None
    verdicts = {name: given[-1] for name, given in standing.items() if given}
    return Case(
        _state(action, needed, len(verdicts), handed=handed_by is not None, appealed=biased is not None),
        verdicts,
        count,
    )


def _state(action: Action, needed: int, decided: int, *, handed: bool, appealed: bool) -> State:
    if appealed:
        return "appealed"
    if handed:
        return "handed-over"
    if decided >= needed:
        return "decided"
    if action in {"pass", "abstain"} and not decided:
        return "not-asked"
    return "open"
