"""The gates that rest on what reviewers said of flags. Nothing is read here; see `worker.release.gates`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.release import intervals
from worker.release.gate_readings import reading, unmeasured
from worker.release.seen import acts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.records import GateReading
    from worker.release.intervals import Interval
    from worker.release.seen import Pair, ReviewedFlag
    from worker.settings import GateSettings


def verdicts_beside(pairs: Sequence[Pair], settings: GateSettings) -> GateReading:
    """How much more seldom than the live one the challenger would have done as the reviewers say."""
    limit = settings.max_verdict_loss
    seen = [one for one in pairs if one.machine is not None]
    if not seen:
        return unmeasured("verdicts", limit, "none of the compared posts was reviewed")
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
    return reading(
        "verdicts", found, limit, count=len(seen), least=settings.min_verdicts, detail=detail, one_sided=True
    )


def verdicts_apart(
    challenger: Sequence[ReviewedFlag], live: Sequence[ReviewedFlag], settings: GateSettings
) -> GateReading:
    """How much more seldom the challenger's own flags are confirmed than the live one's at the same time."""
    limit = settings.max_verdict_loss
    if not challenger or not live:
        return unmeasured(
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
    return reading(
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
        return unmeasured("calibration", limit, "no reviewed post is inside the calibrated range")
    mean = sum(probability for _, probability in seen) / len(seen)
    machines = _confirmed([one for one, _ in seen])
    found = intervals.Interval(mean - machines.value, mean - machines.high, mean - machines.low)
    detail = f"mean probability {mean:.2f}, {machines.value:.2f} of {len(seen)} reviewed posts a machine's"
    return reading("calibration", found, limit, count=len(seen), least=settings.min_verdicts, detail=detail)


def _worth(values: Sequence[float], of: Sequence[Pair]) -> float:
    return intervals.independent(values, [one.author for one in of])


def _confirmed(flags: Sequence[ReviewedFlag]) -> Interval:
    hits = [one.machine for one in flags]
    worth = intervals.independent(hits, [one.author for one in flags])
    return intervals.share(sum(hits), len(hits), worth)
