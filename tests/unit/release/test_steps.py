from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from worker.records import DeciderStamp, StageStep
from worker.release.rungs import ALL, OFF, SHADOW, Rung
from worker.release.steps import entry, in_force, step_to

if TYPE_CHECKING:
    from worker.records import StageName


def stamp(name: str) -> DeciderStamp:
    return DeciderStamp(detector=name, detector_digest=name, policy="default", policy_digest="p")


def step(challenger: str, stage: StageName, share: float = 0.0) -> StageStep:
    return StageStep(
        group="g",
        number=3,
        challenger=stamp(challenger),
        live=stamp("live"),
        stage=stage,
        share=share,
        by="x",
        at=datetime(2026, 3, 1, tzinfo=UTC),
        note="n",
        gates=(),
    )


def test_a_step_holds_for_its_own_challenger_only() -> None:
    assert in_force(step("new", "share", 0.05), stamp("new")) == Rung("share", 0.05)
    assert in_force(step("new", "all", 1.0), stamp("new")) == ALL
    assert in_force(step("new", "all", 1.0), stamp("newer")) == OFF
    assert in_force(None, stamp("new")) == OFF


@pytest.mark.parametrize(
    ("latest", "live", "expected"),
    [
        (None, "live", "enter"),
        (step("new", "off"), "live", "known"),
        (step("new", "share", 0.05), "live", "known"),
        (step("before", "off"), "live", "enter"),
        (step("before", "shadow"), "live", "wait"),
        (step("before", "all", 1.0), "live", "wait"),
        (step("before", "all", 1.0), "before", "enter"),  # it became the live one
        (step("before", "shadow"), "new", "known"),  # the challenger decides anyhow
    ],
)
def test_a_challenger_enters_where_no_other_is_on_its_way(
    latest: StageStep | None, live: str, expected: str
) -> None:
    assert entry(latest, stamp("new"), stamp(live)) == expected


def test_a_step_counts_on_and_keeps_who_it_is_about() -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    after = step_to(step("new", "off"), SHADOW, by="y", at=at, note=None)
    assert (after.number, after.stage, after.share, after.by, after.at, after.note) == (
        4,
        "shadow",
        0.0,
        "y",
        at,
        None,
    )
    assert after.challenger == stamp("new")
