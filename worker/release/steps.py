"""What the steps on the stages topic mean for a worker and for the next step. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from worker.records import DeciderStamp
from worker.release.rungs import OFF, Rung

if TYPE_CHECKING:
    from datetime import datetime

    from worker.records import StageStep
    from worker.stream.decider import Decider


def stamp(decider: Decider) -> DeciderStamp:
    """Which detector under which policy it is."""
    return DeciderStamp(
        detector=decider.detector.name,
        detector_digest=decider.detector.digest,
        policy=decider.policy.name,
        policy_digest=decider.policy.digest,
    )


def digests(one: DeciderStamp) -> tuple[str, str]:
    """What tells one from another: names are for people."""
    return one.detector_digest, one.policy_digest


def rung_of(step: StageStep) -> Rung:
    """The stage that a step leads to."""
    return Rung(step.stage, step.share)


def in_force(latest: StageStep | None, challenger: DeciderStamp) -> Rung:
    """The stage that a worker is in: what was said of another challenger does not hold for its own."""
    if latest is None or digests(latest.challenger) != digests(challenger):
        return OFF
    return rung_of(latest)


def entry(
    latest: StageStep | None, challenger: DeciderStamp, live: DeciderStamp
) -> Literal["enter", "known", "wait"]:
    """Whether a worker is to put its challenger on the topic, in the stage `off`.

    Returns:
        `known`: it is there already, or is what decides anyhow. `wait`: another one is on its way, which is
        to be taken back first, or to become the live one in the settings.
    """
    if digests(challenger) == digests(live):
        return "known"
    if latest is None:
        return "enter"
    if digests(latest.challenger) == digests(challenger):
        return "known"
    finished = latest.stage == "all" and digests(latest.challenger) == digests(live)
    return "enter" if latest.stage == "off" or finished else "wait"


def step_to(latest: StageStep, rung: Rung, *, by: str, at: datetime, note: str | None) -> StageStep:
    """The step from the latest one to a rung, with nothing measured."""
    return replace(
        latest,
        number=latest.number + 1,
        stage=rung.stage,
        share=rung.share,
        by=by,
        at=at,
        note=note,
        gates=(),
    )
