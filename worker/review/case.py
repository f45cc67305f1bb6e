"""How things stand with a flag: a pure fold over what was done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from worker.records import Action, Verdict
    from worker.review.entry import Entry

State = Literal["not-asked", "open", "decided", "handed-over", "appealed"]


class Case(NamedTuple):
    """How things stand.

    Attributes:
        state: `not-asked` where the flag asks for nothing (`pass`, `abstain`) and nobody decided; `open`
            until enough people have decided, or one has answered an appeal; `handed-over` until a lead
            decides; `appealed` as long as an appeal waits for its answer.
        latest: each reviewer's latest standing verdict.
        entries: how many entries each reviewer has made, all kinds and those taken back included.
        waiting: ids of the appeals that wait for an answer.
        answers: by its id, for each appeal that was answered, the verdict that answers it.
        decided_before: who may not answer the waiting appeals: whoever gave a verdict on the flag that
            answered none of them, also one that was taken back.
    """

    state: State
    latest: Mapping[str, Entry]
    entries: Mapping[str, int]
    waiting: tuple[str, ...]
    answers: Mapping[str, Entry]
    decided_before: frozenset[str]

    @property
    def verdicts(self) -> Mapping[str, Verdict]:
        """What each reviewer's latest standing verdict says."""
        return {name: entry.verdict for name, entry in self.latest.items()}

    def bars(self, name: str) -> bool:
        """Whether an appeal waits that somebody may not answer, having decided before."""
        return bool(self.waiting) and name in self.decided_before


def fold(action: Action, needed: int, entries: Iterable[Entry], appeals: Sequence[str] = ()) -> Case:
    """Where a flag stands after these entries and appeals.

    An undo takes the reviewer's latest standing verdict back, so that the one before it stands again. A hand
    over ends with the next verdict of anybody else. A verdict says by itself which appeals it answers: they
    are on another topic, so which came first can't be told.

    Args:
        action: what the flag proposes.
        needed: how many people have to decide.
        entries: in the order of the topic; an entry that comes twice counts once.
        appeals: ids of the appeals against the flag.
    """
    standing: dict[str, list[Entry]] = {}
    count: dict[str, int] = {}
    given: dict[str, Entry] = {}
    handed_by: str | None = None
    seen: set[str] = set()
    for entry in entries:
        if entry.name in seen:
            continue
        seen.add(entry.name)
        who = entry.reviewer
        count[who] = count.get(who, 0) + 1
        mine = standing.setdefault(who, [])
        if entry.kind == "undo":
            if handed_by == who:
                handed_by = None
            elif mine:
                mine.pop()
        elif entry.kind == "hand-over":
            handed_by = who
        else:
            mine.append(entry)
            given[entry.name] = entry
            if handed_by is not None and handed_by != who:
                handed_by = None
                needed = 1
    latest = {name: some[-1] for name, some in standing.items() if some}
    # In the order of the topic, so that of two answers to an appeal the later counts.
    in_force = [entry for entry in given.values() if latest.get(entry.reviewer) is entry]
    answers = {appeal: entry for entry in in_force for appeal in entry.appeals}
    waiting = tuple(appeal for appeal in appeals if appeal not in answers)
    return Case(
        state=_state(action, len(latest) >= needed or bool(answers), handed_by, latest, waiting),
        latest=latest,
        entries=count,
        waiting=waiting,
        answers=answers,
        decided_before=frozenset(
            entry.reviewer for entry in given.values() if not set(entry.appeals) & set(waiting)
        ),
    )


def _state(
    action: Action,
    decided: bool,  # noqa: FBT001 - private
    handed_by: str | None,
    latest: Mapping[str, Entry],
    waiting: tuple[str, ...],
) -> State:
    if waiting:
        return "appealed"
    if handed_by is not None:
        return "handed-over"
    if decided:
        return "decided"
    if action in {"pass", "abstain"} and not latest:
        return "not-asked"
    return "open"
