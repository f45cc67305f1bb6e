"""What the gates are given from files and a step; topics are read in `tests/end_to_end/test_stage.py`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from worker.detector.calibration import Calibration
from worker.errors import SettingsError
from worker.lab.bias.report import Bias, BiasGate, GateFailure
from worker.lab.evaluation.figures import Rate
from worker.lab.evaluation.report import DetectorFacts
from worker.records import DeciderStamp, GateReading, StageStep
from worker.release.measured import Measured, readings
from worker.settings import PREFIX, Settings, load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from worker.records import StageName

NOTHING = Measured([], [], [], 0, 0)
FAILURE = GateFailure(of="dialect", group="african american (stated)", why="twice as many are flagged")


def settings(evaluation: Path | None) -> Settings:
    named = {} if evaluation is None else {f"{PREFIX}STAGE__GATES__EVALUATION": str(evaluation)}
    return load_settings(environ=named)


def step(stage: StageName, *, detector: str = "new") -> StageStep:
    def stamp(name: str) -> DeciderStamp:
        return DeciderStamp(detector=name, detector_digest=name, policy="p", policy_digest="p")

    return StageStep(
        group="g",
        number=2,
        challenger=stamp(detector),
        live=stamp("live"),
        stage=stage,
        share=0.0,
        by="x",
        at=datetime(2026, 3, 1, tzinfo=UTC),
        note=None,
        gates=(),
    )


def evaluation(path: Path, *failures: GateFailure, gate: BiasGate | None = BiasGate(bound=0.05)) -> Path:  # noqa: B008 - frozen
    """The parts of `evaluation.json` that count, made of the structs that `flagstaff evaluate` writes."""
    detector = DetectorFacts(name="new", digest="new", calibration=Calibration(), provenance={})
    bias = Bias(
        detector="new",
        digest="new",
        seed=1,
        threshold=None,
        humans=10,
        outside=0,
        wrongly=Rate(count=1, of=10, value=0.1, low=0.0, high=0.4),
        groups=(),
        rewritings=(),
        gate=gate,
        failures=failures,
        limits=(),
    )
    written: dict[str, Any] = {"version": 1, "detector": detector, "bias": bias, "slices": []}
    path.write_bytes(msgspec.json.encode(written))
    return path


def bias_of(found: tuple[GateReading, ...]) -> GateReading:
    (one,) = [one for one in found if one.gate == "bias"]
    return one


def test_nothing_is_asked_before_the_shadow_and_at_the_top() -> None:
    assert readings(settings(None), step("off"), NOTHING) == ()
    assert readings(settings(None), step("all"), NOTHING) == ()


def test_the_bias_table_of_the_challengers_evaluation_is_its_gate(tmp_path: Path) -> None:
    path = tmp_path / "evaluation.json"
    assert bias_of(readings(settings(evaluation(path)), step("shadow"), NOTHING)).status == "pass"
    failed = bias_of(readings(settings(evaluation(path, FAILURE)), step("shadow"), NOTHING))
    assert failed.status == "fail"
    assert "african american (stated): twice as many" in failed.detail
    without = bias_of(readings(settings(evaluation(path, gate=None)), step("shadow"), NOTHING))
    assert without.status == "not-measured"
    another = bias_of(readings(settings(evaluation(path)), step("shadow", detector="newer"), NOTHING))
    assert another.status == "not-measured"
    assert "not of the challenger's" in another.detail


def test_a_new_policy_over_the_live_detector_is_not_asked_for_bias() -> None:
    found = readings(settings(None), step("shadow", detector="live"), NOTHING)
    assert [one.gate for one in found] == ["disagreement", "flag_rate", "verdicts", "calibration"]
    assert {one.status for one in found} == {"not-measured"}


@pytest.mark.parametrize("content", [None, b"{}", b"{not json"])
def test_an_evaluation_that_is_none_is_one_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "evaluation.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"^stage\.gates\.evaluation: .*evaluation\.json") as raised:
        readings(settings(path), step("shadow"), NOTHING)
    assert "\n" not in str(raised.value)
