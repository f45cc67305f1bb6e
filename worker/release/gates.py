"""The gates between the stages: from what was seen to passed, failed, or too little to tell.

A gate is passed where the whole interval of its figure lies within the limit, and fails where all of it lies
beyond: so a challenger that flags everything fails after a few posts, and one that is close to a limit needs
many to pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct

from worker.judgement import ACTING
from worker.records import GateReading
from worker.release import intervals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.records import Action, GateName, GateStatus
    from worker.release.intervals import Interval
    from worker.settings import GateSettings

_ACTING: Final[frozenset[Action]] = frozenset(ACTING)


class Pair(NamedTuple):
    """A post that both decided.

    Attributes:
        author: whose it is.
        challenger: the action that the challenger would have taken.
        live: the action that was decided.
        probability: the challenger's calibrated one; None outside of what it is calibrated for.
        machine: what the reviewers said of the live one's flag; None: nothing, or they were not sure.
    """

    author: str
    challenger: Action
    live: Action
    probability: float | None
    machine: bool | None


class ReviewedFlag(NamedTuple):
    """A published flag with the reviewers' verdict. Attributes as those of `Pair`."""

    author: str
    probability: float | None
    machine: bool


class BiasOutcome(Struct, frozen=True):
    """What an evaluation says of a detector's bias.

    Attributes:
        detector_digest: which detector it measured.
        measured: groups and rewritings that were measured; None: the bias was not, or without a gate.
        failures: one sentence for each that fails the evaluation's own gate.
    """

    detector_digest: str
    measured: int | None
    failures: tuple[str, ...]


def acts(action: Action) -> bool:
    """Whether something is done; `pass` and `abstain` do nothing."""
    return action in _ACTING


def disagreement(pairs: Sequence[Pair], settings: GateSettings) -> GateReading:
    """Share of the posts on which not the same is done; `pass` and `abstain` are one, as both do nothing."""
    limit = settings.max_disagreement
    if not pairs:
        return _unmeasured("disagreement", limit, "no post was compared")
    differs = [one.challenger != one.live and (acts(one.challenger) or acts(one.live)) for one in pairs]
    found = intervals.share(sum(differs), len(pairs), _worth(differs, pairs))
    return _reading(
        "disagreement",
        found,
        limit,
        count=len(pairs),
        least=settings.min_posts,
        detail=f"of {len(pairs)} posts",
    )


def flag_rate(pairs: Sequence[Pair], settings: GateSettings) -> GateReading:
    """By how much the share of posts on which something is done changes."""
    limit = settings.max_flag_rate_change
    if not pairs:
        return _unmeasured("flag_rate", limit, "no post was compared")
    gained = sum(acts(one.challenger) and not acts(one.live) for one in pairs)
    lost = sum(acts(one.live) and not acts(one.challenger) for one in pairs)
    changes = [acts(one.challenger) - acts(one.live) for one in pairs]
    found = intervals.paired_difference(gained, lost, len(pairs), _worth(changes, pairs))
    before = sum(acts(one.live) for one in pairs) / len(pairs)
    detail = f"{before:.2%} of {len(pairs)} posts before, {before + found.value:.2%} with the challenger"
    return _reading("flag_rate", found, limit, count=len(pairs), least=settings.min_posts, detail=detail)


def verdicts_beside(pairs: Sequence[Pair], settings: GateSettings) -> GateReading:
    """How much more seldom than the live one the challenger would have done as the reviewers say."""
    limit = settings.max_verdict_loss
    seen = [one for one in pairs if one.machine is not None]
    if not seen:
        return _unmeasured("verdicts", limit, "none of the compared posts was reviewed")
    right = [acts(one.challenger) == one.machine for one in seen]
    live = [acts(one.live) == one.machine for one in seen]
    lost = sum(theirs and not ours for ours, theirs in zip(right, live, strict=True))
    gained = sum(ours and not theirs for ours, theirs in zip(right, live, strict=True))
    losses = [theirs - ours for ours, theirs in zip(right, live, strict=True)]
    found = intervals.paired_difference(lost, gained, len(seen), _worth(losses, seen))
    detail = (
        f"{sum(live)} of {len(seen)} reviewed posts decided as the reviewers did, {sum(right)} with the "
        "challenger"
    )
    return _reading(
        "verdicts", found, limit, count=len(seen), least=settings.min_verdicts, detail=detail, one_sided=True
    )


def verdicts_apart(
    challenger: Sequence[ReviewedFlag], live: Sequence[ReviewedFlag], settings: GateSettings
) -> GateReading:
    """How much more seldom the challenger's own flags are confirmed than the live one's at the same time."""
    limit = settings.max_verdict_loss
    if not challenger or not live:
        return _unmeasured(
            "verdicts",
            limit,
            f"{len(challenger)} flags of the challenger and {len(live)} others were reviewed",
        )
    ours, theirs = _confirmed(challenger), _confirmed(live)
    found = intervals.difference(theirs, ours)
    count = min(len(challenger), len(live))
    detail = (
        f"{theirs.value:.1%} of {len(live)} reviewed flags confirmed, {ours.value:.1%} of the challenger's "
        f"{len(challenger)}"
    )
    return _reading(
        "verdicts", found, limit, count=count, least=settings.min_verdicts, detail=detail, one_sided=True
    )


def calibration(reviewed: Sequence[ReviewedFlag], settings: GateSettings) -> GateReading:
    """How far the challenger's mean probability is from the share that reviewers say a machine wrote.

    Only posts that were flagged are reviewed, and signals had a part in that: among them more are a machine's
    than among all posts of the same probability. So this finds gross errors only.
    """
    limit = settings.max_calibration_error
    seen = [(one, one.probability) for one in reviewed if one.probability is not None]
    if not seen:
        return _unmeasured("calibration", limit, "no reviewed post is inside the calibrated range")
    mean = sum(probability for _, probability in seen) / len(seen)
    machines = _confirmed([one for one, _ in seen])
    found = intervals.Interval(mean - machines.value, mean - machines.high, mean - machines.low)
    detail = f"mean probability {mean:.2f}, {machines.value:.2f} of {len(seen)} reviewed posts a machine's"
    return _reading("calibration", found, limit, count=len(seen), least=settings.min_verdicts, detail=detail)


def bias(outcome: BiasOutcome | None, detector_digest: str) -> GateReading:
    """Whether the bias gate of the challenger's evaluation holds."""
    if outcome is None:
        return _unmeasured("bias", None, "no evaluation is named (STAGE__GATES__EVALUATION)")
    if outcome.detector_digest != detector_digest:
        detail = f"the evaluation is of the detector {outcome.detector_digest}, not of the challenger's"
        return _unmeasured("bias", None, detail)
    if outcome.measured is None:
        return _unmeasured("bias", None, "the evaluation has no bias table with a gate")
    status: GateStatus = "fail" if outcome.failures else "pass"
    detail = "; ".join(outcome.failures) or f"{outcome.measured} groups and rewritings, none fails"
    return GateReading(
        gate="bias",
        status=status,
        value=float(len(outcome.failures)),
        low=None,
        high=None,
        limit=0.0,
        count=outcome.measured,
        detail=detail,
    )


def holding_back(readings: Sequence[GateReading], required: Sequence[GateName]) -> list[GateReading]:
    """Those that refuse the next stage: what fails, and what is required and not passed."""
    return [
        one for one in readings if one.status == "fail" or (one.gate in required and one.status != "pass")
    ]


def _worth(values: Sequence[float], of: Sequence[Pair]) -> float:
    return intervals.independent(values, [one.author for one in of])


def _confirmed(flags: Sequence[ReviewedFlag]) -> Interval:
    hits = [one.machine for one in flags]
    worth = intervals.independent(hits, [one.author for one in flags])
    return intervals.share(sum(hits), len(hits), worth)


def _reading(  # noqa: PLR0913 - what a reading is made of
    gate: GateName,
    found: Interval,
    limit: float,
    *,
    count: int,
    least: int,
    detail: str,
    one_sided: bool = False,
) -> GateReading:
    lower = -1.0 if one_sided else -limit
    status: GateStatus = "too-little"
    if found.low > limit or found.high < lower:
        status = "fail"
    elif count >= least and found.high <= limit and found.low >= lower:
        status = "pass"
    return GateReading(
        gate=gate,
        status=status,
        value=round(found.value, 6),
        low=round(found.low, 6),
        high=round(found.high, 6),
        limit=limit,
        count=count,
        detail=detail if count >= least else f"{detail}; {least} are needed",
    )


def _unmeasured(gate: GateName, limit: float | None, detail: str) -> GateReading:
    return GateReading(
        gate=gate,
        status="not-measured",
        value=None,
        low=None,
        high=None,
        limit=limit,
        count=0,
        detail=detail,
    )
