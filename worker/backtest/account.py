"""Counts one candidate's decisions beside the live one's, post by post. Nothing is read or written here."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple

from worker.backtest.figures import AgainstStaff, Day, Reviews, Share
from worker.judgement import ACTING
from worker.release import intervals
from worker.release.seen import acts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.backtest.figures import Change, Verdict
    from worker.records import Action

_DAY_MS: Final = 86_400_000
_EPOCH: Final = date(1970, 1, 1).toordinal()
_DIGITS: Final = 6
_CHANGED: Final[tuple[Change, ...]] = ("comes", "goes", "changes")


class Decided(NamedTuple):
    """A post that both decided.

    Attributes:
        at: its event time, in milliseconds since 1970.
        author: whose it is.
        verdict: what the reviewers said of it.
        live: the live one's action; None where it failed.
        candidate: the candidate's; None as above.
    """

    at: int
    author: str
    verdict: Verdict
    live: Action | None
    candidate: Action | None


class _Reviewed(NamedTuple):
    author: str
    machine: bool
    action: Action | None


class Account:
    """The counts of one candidate.

    Attributes:
        posts: posts decided.
        failed: posts that it could not decide.
        actions: its decisions by action.
        changes: posts by what becomes of the live one's flag.
        transitions: posts on which another action is taken.
        verdicts: what reviewers said of posts whose flag comes, goes or changes.
    """

    def __init__(self) -> None:
        self.posts = 0
        self.failed = 0
        self.actions: Counter[str] = Counter()
        self.changes: Counter[Change] = Counter()
        self.transitions: Counter[str] = Counter()
        self.verdicts: dict[Change, Counter[Verdict]] = {change: Counter() for change in _CHANGED}
        self._days: defaultdict[int, Day] = defaultdict(Day)
        # Few: each was looked at by a person.
        self._reviewed: list[_Reviewed] = []

    def add(self, one: Decided) -> Change:
        """Counts a post; returns what becomes of the live one's flag."""
        action = one.candidate
        change = change_of(one.live, action)
        self.changes[change] += 1
        if one.live != action:
            self.transitions[f"{one.live or '-'} -> {action or '-'}"] += 1
        if change in self.verdicts:
            self.verdicts[change][one.verdict] += 1
        if one.verdict in {"machine", "human"}:
            self._reviewed.append(_Reviewed(one.author, one.verdict == "machine", action))
        if action is None:
            self.failed += 1
            return change
        self.posts += 1
        self.actions[action] += 1
        day = self._days[one.at // _DAY_MS]
        day.posts += 1
        day.reviews += asks_for_a_person(action)
        return change

    def reviews(self) -> Reviews:
        """What it costs the staff."""
        by_day = {_named(number): day for number, day in sorted(self._days.items())}
        total = sum(day.reviews for day in by_day.values())
        return Reviews(
            total=total,
            days=len(by_day),
            mean_per_day=round(total / len(by_day), _DIGITS) if by_day else 0.0,
            most_per_day=max((day.reviews for day in by_day.values()), default=0),
            by_day=by_day,
        )

    def flagged(self) -> AgainstStaff:
        """Its flags against the reviewers."""
        flags = sum(self.actions[action] for action in ACTING)
        return self._against(flags, [flags_it(one.action) for one in self._reviewed])

    def sent_to_people(self) -> AgainstStaff:
        """Its flags that ask for a person, against the reviewers."""
        flags = self.actions["review"] + self.actions["limit"]
        return self._against(flags, [asks_for_a_person(one.action) for one in self._reviewed])

    def _against(self, flags: int, hit: Sequence[bool]) -> AgainstStaff:
        pairs = list(zip(self._reviewed, hit, strict=True))
        found = [one for one, is_hit in pairs if is_hit]
        machines = [(one, is_hit) for one, is_hit in pairs if one.machine]
        return AgainstStaff(
            flags=flags,
            reviewed=len(found),
            precision=share([one.machine for one in found], [one.author for one in found]),
            recall=share([is_hit for _, is_hit in machines], [one.author for one, _ in machines]),
        )


def flags_it(action: Action | None) -> bool:
    """Whether something is done."""
    return action is not None and acts(action)


def asks_for_a_person(action: Action | None) -> bool:
    """Whether a person is to look at it."""
    return action in {"review", "limit"}


def change_of(live: Action | None, candidate: Action | None) -> Change:
    """What becomes of the live one's flag; to fail, to pass and to abstain is to flag nothing."""
    if not flags_it(live):
        return "comes" if flags_it(candidate) else "none"
    if not flags_it(candidate):
        return "goes"
    return "same" if live == candidate else "changes"


def share(hits: Sequence[bool], authors: Sequence[str]) -> Share:
    """How many are hits, with Wilson's interval; posts of one author count as the fewer that they tell.

    Args:
        hits: one a post.
        authors: whose each post is.
    """
    if not hits:
        return Share(count=0, of=0)
    found = intervals.share(sum(hits), len(hits), intervals.independent(hits, authors))
    return Share(
        count=sum(hits),
        of=len(hits),
        value=round(found.value, _DIGITS),
        low=round(found.low, _DIGITS),
        high=round(found.high, _DIGITS),
    )


def _named(day: int) -> str:
    # A producer may stamp a record as it likes, also with what no calendar has.
    return date.fromordinal(min(max(_EPOCH + day, 1), date.max.toordinal())).isoformat()
