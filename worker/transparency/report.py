"""`transparency.json`: the public report, small counts hidden. The page is made of it alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec
from msgspec import Struct

from worker import __version__
from worker.lab.bias.report import GroupOutcome

# msgspec reads these at run time.
from worker.lab.evaluation.figures import Rate
from worker.transparency.lateness import MINUTE_MS
from worker.transparency.reviews import appealed, reviewed
from worker.transparency.suppression import Cell, suppressed, total

if TYPE_CHECKING:
    from worker.lab.evaluation.report import Evaluation
    from worker.transparency.found import Found, Period
    from worker.transparency.outcomes import Outcome, Outcomes

_LETTERS: Final[tuple[Outcome, ...]] = ("decode", "detect", "signal", "publish")
_ACTIONS: Final[tuple[Outcome, ...]] = ("limit", "review", "label", "abstain", "pass")


class DetectorBound(Struct, frozen=True, kw_only=True):
    """A detector that had a part in at least the minimum of flags.

    Attributes:
        name: a short name for people.
        digest: of all that its word depends on.
        threshold: the probability above which it speaks; null where it has none.
        false_positive_bound: the share of human texts that was measured to be above it at most; null where
            that was not measured.
    """

    name: str
    digest: str
    threshold: float | None
    false_positive_bound: float | None


class Agreement(Struct, frozen=True, kw_only=True):
    """How far people agree who decided on the same flag, each on their own.

    Attributes:
        flags: those flags, and on how many of them all said the same.
        alpha: Krippendorff's, for nominal values; null where a count is hidden, or where it is not defined.
    """

    flags: Cell
    alpha: float | None


class OverdueStretch(Struct, frozen=True, kw_only=True):
    """Whole minutes in which some post was overdue; both ends in seconds since 1970."""

    begin_s: int
    end_s: int


class Downtime(Struct, frozen=True, kw_only=True):
    """When posts were overdue.

    Attributes:
        after_s: how long after a post's record its flag may be decided; then the post is overdue.
        late: flags of posts that were.
        minutes: minutes of the period in which some post was, those of `stretches` together.
        stretches: the times, each told by at least the minimum of flags.
    """

    after_s: int
    late: Cell
    minutes: int
    stretches: tuple[OverdueStretch, ...]


class BiasTable(Struct, frozen=True, kw_only=True):
    """How often the detector flags human texts, by groups, from an evaluation on texts of known authors.

    Attributes:
        detector: its name.
        digest: its digest.
        decided: whether it is one of the period's detectors.
        humans: human texts inside its range.
        wrongly: share of them that it flags.
        groups: the same by groups, of those with at least the minimum of texts.
        smaller: the names of the other groups.
        limits: what these figures can't tell.
    """

    detector: str
    digest: str
    decided: bool
    humans: int
    wrongly: Rate
    groups: tuple[GroupOutcome, ...]
    smaller: tuple[str, ...]
    limits: tuple[str, ...]


class Transparency(Struct, frozen=True, kw_only=True):
    """The report. A count of null is hidden.

    Attributes:
        version: of this form; a later one may have more fields.
        flagstaff: the version that made it.
        start_ms: where the period begins, in milliseconds since 1970.
        end_ms: where it ends; that moment is not part of it.
        minimum: a count from 1 up to one less than this is hidden.
        emit: whether every decision is published, or only what acts.
        posts: records of the posts topic, by what became of them.
        deletions: records that tell of a post's deletion.
        gone: flags and dead letters whose post is no longer on the topic; they count nowhere else.
        again: flags and dead letters beyond the first of a post; the last one counts.
        detectors: with the error bounds that the flags state.
        work: verdicts, undos and hand overs of the period.
        verdicts: flags that were decided on, by what they propose and what most people said.
        agreement: among those who decide.
        appeals: those received in the period, by their outcome at its end.
        earlier_appeals: those received before and answered in it.
        downtime: when posts were overdue.
        bias: null where no evaluation was given.
        incomplete: topics whose oldest records are gone, so that counts may be too low.
        unreadable: records by topic that were none of what it should hold; they count nowhere else.
    """

    version: Literal[1] = 1
    flagstaff: str
    start_ms: int
    end_ms: int
    minimum: int
    emit: Literal["flagged", "all"]
    posts: Cell
    deletions: Cell
    gone: Cell
    again: Cell
    detectors: tuple[DetectorBound, ...]
    work: tuple[Cell, ...]
    verdicts: Cell
    agreement: Agreement
    appeals: Cell
    earlier_appeals: Cell
    downtime: Downtime
    bias: BiasTable | None
    incomplete: tuple[str, ...]
    unreadable: dict[str, int]


def transparency(
    period: Period,
    found: Found,
    *,
    emit: Literal["flagged", "all"],
    minimum: int,
    evaluation: Evaluation | None,
) -> Transparency:
    """The report of what was found.

    Args:
        period: what is reported on.
        found: what the topics hold of it.
        emit: whether every decision is published.
        minimum: the smallest count that is shown, at least 1.
        evaluation: a detector's, for its bias table.
    """

    def safe(cell: Cell) -> Cell:
        return suppressed(cell, minimum)

    reviews = reviewed(found.entries, found.actions, period.start, period.end)
    received, answered = appealed(found.appeals, found.entries, period.start, period.end)
    shared = safe(reviews.shared)
    told = shared.count is not None and all(part.count is not None for part in shared.parts)
    digests = {one.digest for one in found.deciders}
    return Transparency(
        flagstaff=__version__,
        start_ms=period.start_ms,
        end_ms=period.end_ms,
        minimum=minimum,
        emit=emit,
        posts=safe(_posts(found.outcomes)),
        deletions=safe(Cell("deletions", found.tombstones)),
        gone=safe(Cell("gone", found.outcomes.gone)),
        again=safe(Cell("again", found.outcomes.again)),
        detectors=tuple(
            DetectorBound(
                name=one.name, digest=one.digest, threshold=one.threshold, false_positive_bound=one.bound
            )
            for one, flags in sorted(found.deciders.items(), key=lambda item: (-item[1], item[0][:2]))
            if flags >= minimum
        ),
        work=tuple(safe(cell) for cell in reviews.work),
        verdicts=safe(reviews.verdicts),
        agreement=Agreement(flags=shared, alpha=reviews.alpha if told else None),
        appeals=safe(received),
        earlier_appeals=safe(answered),
        downtime=_downtime(period, found, minimum),
        bias=None if evaluation is None else _bias(evaluation, digests, minimum),
        incomplete=found.expired,
        unreadable=dict(sorted(found.unreadable.items())),
    )


def encoded(report: Transparency) -> bytes:
    """The report as it stands in `transparency.json`: the same bytes for the same figures."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def _posts(outcomes: Outcomes) -> Cell:
    return total(
        "posts",
        *(Cell(name, outcomes.count(name)) for name in _ACTIONS),
        total("dead-letter", *(Cell(name, outcomes.count(name)) for name in _LETTERS)),
        Cell("unpublished", outcomes.count(None)),
    )


def _downtime(period: Period, found: Found, minimum: int) -> Downtime:
    told = [one for one in found.lateness.stretches() if one.flags >= minimum]
    minute_s = MINUTE_MS // 1000
    return Downtime(
        after_s=period.late_ms // 1000,
        late=suppressed(Cell("late", found.lateness.late), minimum),
        minutes=sum(one.end - one.begin for one in told),
        stretches=tuple(
            OverdueStretch(begin_s=one.begin * minute_s, end_s=one.end * minute_s) for one in told
        ),
    )


def _bias(evaluation: Evaluation, digests: set[str], minimum: int) -> BiasTable | None:
    bias = evaluation.bias
    if bias is None:
        return None
    groups = tuple(one for one in bias.groups if one.wrongly is not None and one.wrongly.of >= minimum)
    return BiasTable(
        detector=bias.detector,
        digest=bias.digest,
        decided=bias.digest in digests,
        humans=bias.humans,
        wrongly=bias.wrongly,
        groups=groups,
        smaller=tuple(f"{one.of}: {one.group}" for one in bias.groups if one not in groups),
        limits=bias.limits,
    )
