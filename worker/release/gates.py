"""The gates between the stages that need no reviewer. Nothing is read here.

A gate is passed where the whole interval of its figure lies within the limit, and fails where all of it lies
beyond: so a challenger that flags everything fails after a few posts, and one that is close to a limit needs
many to pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.records import GateReading
from worker.release import intervals
from worker.release.gate_readings import reading, unmeasured
from worker.release.seen import acts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.records import GateName, GateStatus
    from worker.release.seen import BiasOutcome, Pair
    from worker.settings import GateSettings


def disagreement(pairs: Sequence[Pair], settings: GateSettings) -> GateReading:
    """Share of the posts on which not the same is done; `pass` and `abstain` are one, as both do nothing."""
    limit = settings.max_disagreement
    if not pairs:
        return unmeasured("disagreement", limit, "no post was compared")
    differs = [one.challenger != one.live and (acts(one.challenger) or acts(one.live)) for one in pairs]
    found = intervals.share(sum(differs), len(pairs), _worth(differs, pairs))
    return reading(
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
        return unmeasured("flag_rate", limit, "no post was compared")
    gained = sum(acts(one.challenger) and not acts(one.live) for one in pairs)
    lost = sum(acts(one.live) and not acts(one.challenger) for one in pairs)
    changes = [acts(one.challenger) - acts(one.live) for one in pairs]
    found = intervals.paired_difference(gained, lost, len(pairs), _worth(changes, pairs))
    before = sum(acts(one.live) for one in pairs) / len(pairs)
    detail = f"{before:.2%} of {len(pairs)} posts before, {before + found.value:.2%} with the challenger"
    return reading("flag_rate", found, limit, count=len(pairs), least=settings.min_posts, detail=detail)


def bias(outcome: BiasOutcome | None, detector_digest: str) -> GateReading:
    """Whether the bias gate of the challenger's evaluation holds."""
    if outcome is None:
        return unmeasured("bias", None, "no evaluation is named (STAGE__GATES__EVALUATION)")
    if outcome.detector_digest != detector_digest:
        detail = f"the evaluation is of the detector {outcome.detector_digest}, not of the challenger's"
        return unmeasured("bias", None, detail)
    if outcome.measured is None:
        return unmeasured("bias", None, "the evaluation has no bias table with a gate")
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
