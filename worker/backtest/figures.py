"""What a backtest comes to: the structs of `backtest.json` and of the lists of changes."""

from __future__ import annotations

from typing import Any, Final, Literal

from msgspec import Struct

from worker.replay.differences import Place, Side
from worker.replay.plan import VariantStamp

# The name of the one that the settings name.
LIVE: Final = "live"

# `none`: nobody decided; `unsure`: nobody was sure, or as many said the one as the other.
Verdict = Literal["machine", "human", "unsure", "none"]
# What becomes of the live one's flag of a post. `none`: neither of them flags it.
Change = Literal["same", "none", "comes", "goes", "changes"]


class Changed(Struct, frozen=True, kw_only=True):
    """A line of `changes-NAME.jsonl`: a post on which the candidate does something else than the live one.

    Attributes:
        change: `comes`: only the candidate flags it; `goes`: only the live one does; `changes`: both do, with
            another action.
        source: the post's place.
        post_id: the post's id.
        verdict: what the reviewers said.
        live: the live one's decision; None where it failed.
        candidate: the candidate's.
    """

    change: Change
    source: Place
    post_id: str
    verdict: Verdict
    live: Side | None
    candidate: Side | None


class Share(Struct, frozen=True, kw_only=True):
    """`count` of `of` posts, and the share with its ends at 95 % confidence; null where `of` is 0."""

    count: int
    of: int
    value: float | None = None
    low: float | None = None
    high: float | None = None


class Day(Struct, kw_only=True):
    """A day of event time, UTC: posts decided, and those of them that ask for a person."""

    posts: int = 0
    reviews: int = 0


class Reviews(Struct, frozen=True, kw_only=True):
    """What a candidate costs the staff: its flags with the action `review` or `limit`.

    Attributes:
        total: how many.
        days: days of event time, UTC, that have a post; the first and the last may not be whole.
        mean_per_day: over those days.
        most_per_day: of the worst of them.
        by_day: each of them.
    """

    total: int
    days: int
    mean_per_day: float
    most_per_day: int
    by_day: dict[str, Day]


class AgainstStaff(Struct, frozen=True, kw_only=True):
    """Flags against what most reviewers said. Reviewed posts are a selection, mostly of the live one's flags.

    Attributes:
        flags: how many flags are meant.
        reviewed: how many of those flags the reviewers gave a verdict on. What is said below is of these.
        precision: of the reviewed flags, those of a machine's post.
        recall: of the reviewed posts of machines, those that are flagged. Not of all posts of machines: what
            nobody flagged, nobody reviewed.
    """

    flags: int
    reviewed: int
    precision: Share
    recall: Share


class Beside(Struct, frozen=True, kw_only=True):
    """One of those that decided, beside the live one.

    Attributes:
        name: `live`, or the candidate's.
        variant: detector, policy and signals.
        settings: those that its decisions follow from.
        posts: posts decided.
        failed: posts that it could not decide.
        actions: its decisions by action.
        changes: posts by what becomes of the live one's flag.
        transitions: posts with another action, as in `pass -> review`; `-` where it could not be decided.
        verdicts: what the reviewers said of the posts whose flag comes, goes or changes.
        reviews: what it costs the staff.
        flagged: its flags (`label`, `review` and `limit`) against the reviewers.
        sent_to_people: those of `review` and `limit` alone.
    """

    name: str
    variant: VariantStamp
    settings: dict[str, Any]
    posts: int
    failed: int
    actions: dict[str, int]
    changes: dict[Change, int]
    transitions: dict[str, int]
    verdicts: dict[Change, dict[Verdict, int]]
    reviews: Reviews
    flagged: AgainstStaff
    sent_to_people: AgainstStaff


class Decisions(Struct, frozen=True, kw_only=True):
    """The staff's decisions.

    Attributes:
        read: how many.
        elsewhere: those on flags that no decided post has.
        overturned: flags that an appeal's answer overturned.
        unreadable: records that are no decisions.
        posts: decided posts by what most reviewers said.
    """

    read: int
    elsewhere: int
    overturned: int
    unreadable: int
    posts: dict[Verdict, int]


class BacktestReport(Struct, frozen=True, kw_only=True):
    """`backtest.json`.

    Attributes:
        schema: of this file.
        asked: the range, and whose readings counted.
        versions: of Flagstaff and Python.
        not_recorded: posts that nobody could decide, as their readings were not recorded.
        decisions: what the staff decided.
        results: the live one, then the candidates in the order in which they were named.
    """

    schema: str = "backtest.v1"
    asked: dict[str, Any]
    versions: dict[str, str]
    not_recorded: int
    decisions: Decisions
    results: tuple[Beside, ...]
