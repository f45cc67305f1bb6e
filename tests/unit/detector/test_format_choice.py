"""Which number format a detector is run in: what is asked for, and what its calibration allows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch
from structlog.testing import capture_logs

from tests.support.tiny_transformer import SENTENCES, save_roberta
from worker.detector.calibration import Calibration
from worker.detector.format_shift import MOST_CHANGED, FormatShift
from worker.detector.loading import load_detector
from worker.detector.number_format import chosen_format
from worker.errors import DetectorError, FlagstaffError, SettingsError
from worker.settings import DetectorSettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from worker.detector.calibration import NumberFormat
    from worker.detector.protocol import Detector

CPU, GPU = torch.device("cpu"), torch.device("cuda")
NONE = Calibration()
FLOAT32 = Calibration(fitted=True)
LITTLE, MUCH = 0.001, 0.0011


def calibrated_in(number_format: NumberFormat) -> Calibration:
    return Calibration(fitted=True, number_format=number_format)


def shift(changed: float, **fields: Any) -> FormatShift:
    device = {"device": "cpu", "torch": "2.10", "policy": "default"} | fields
    return FormatShift(texts=5_000, changed=changed, worst=0.2, mean=0.01, **device)


@pytest.fixture
def native(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPU that multiplies bfloat16 itself, or does not; a GPU that does."""
    has: bool = request.param
    known = torch.cpu.get_capabilities()
    names = ("avx512_bf16", "amx_bf16", "bf16")
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {**known, **dict.fromkeys(names, has)})
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda _: (8, 0) if has else (7, 5))


with_bfloat16 = pytest.mark.parametrize("native", [True], indirect=True)
without_bfloat16 = pytest.mark.parametrize("native", [False], indirect=True)


@pytest.mark.usefixtures("native")
@without_bfloat16
def test_auto_is_what_the_device_multiplies_itself() -> None:
    assert chosen_format("auto", CPU, NONE, {}) == "float32"
    assert chosen_format("auto", GPU, NONE, {}) == "float16"


@pytest.mark.usefixtures("native")
@with_bfloat16
def test_auto_is_bfloat16_where_it_is_native() -> None:
    assert chosen_format("auto", CPU, NONE, {}) == chosen_format("auto", GPU, NONE, {}) == "bfloat16"


@pytest.mark.usefixtures("native")
@with_bfloat16
@pytest.mark.parametrize(
    ("calibration", "shifts", "taken"),
    [
        (FLOAT32, {}, "float32"),
        (FLOAT32, {"int8": shift(0.0)}, "float32"),
        (FLOAT32, {"bfloat16": shift(MUCH)}, "float32"),
        (FLOAT32, {"bfloat16": shift(LITTLE)}, "bfloat16"),
        (calibrated_in("float32"), {"bfloat16": shift(0.0)}, "bfloat16"),
        (calibrated_in("bfloat16"), {}, "bfloat16"),
        (calibrated_in("int8"), {"float32": shift(0.0)}, "int8"),
    ],
)
def test_auto_stays_with_the_calibration_unless_the_native_format_changes_little(
    calibration: Calibration, shifts: Mapping[NumberFormat, FormatShift], taken: str
) -> None:
    assert chosen_format("auto", CPU, calibration, shifts) == taken


@pytest.mark.usefixtures("native")
@with_bfloat16
def test_auto_has_nothing_to_stay_with_on_a_device_without_that_format() -> None:
    with pytest.raises(DetectorError, match="calibrated in int8, which is not for cuda") as caught:
        chosen_format("auto", GPU, calibrated_in("int8"), {})
    assert "calibrate it in bfloat16" in str(caught.value)
    assert chosen_format("auto", GPU, calibrated_in("int8"), {"bfloat16": shift(LITTLE)}) == "bfloat16"


@pytest.mark.parametrize("asked", ["float32", "bfloat16", "int8"])
def test_without_a_calibration_any_format_goes(asked: NumberFormat) -> None:
    assert chosen_format(asked, CPU, NONE, {asked: shift(1.0)}) == asked


def test_a_measured_format_goes_where_it_changes_little() -> None:
    assert MOST_CHANGED == LITTLE
    assert chosen_format("int8", CPU, FLOAT32, {"int8": shift(LITTLE)}) == "int8"
    assert chosen_format("float32", CPU, calibrated_in("int8"), {"float32": shift(0.0)}) == "float32"


@pytest.mark.parametrize(
    ("calibration", "asked", "shifts", "said"),
    [
        (FLOAT32, "int8", {}, "convert SOURCE OUT --compare POSTS"),
        (FLOAT32, "int8", {"bfloat16": shift(0.0)}, "what int8 changes was not measured"),
        (
            FLOAT32,
            "int8",
            {"int8": shift(MUCH)},
            "int8 changes 0.11 % of 5000 decisions, more than the 0.1 %",
        ),
        (FLOAT32, "int8", {"int8": shift(MUCH)}, "set auto or float32, or calibrate it in int8"),
        (calibrated_in("int8"), "float32", {}, "calibrated in int8, and what float32 changes"),
        (FLOAT32, "float16", {"float16": shift(0.0)}, "CPUs only emulate it"),
        (FLOAT32, "float16", {}, "CPUs only emulate it"),
    ],
)
def test_what_is_asked_for_and_must_not_be_is_refused(
    calibration: Calibration,
    asked: NumberFormat,
    shifts: Mapping[NumberFormat, FormatShift],
    said: str,
) -> None:
    with pytest.raises(SettingsError) as caught:
        chosen_format(asked, CPU, calibration, shifts)
    assert said in str(caught.value)
    assert f"detector.dtype {asked!r}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_int8_is_not_for_gpus() -> None:
    with pytest.raises(SettingsError, match="'int8' is for the CPU"):
        chosen_format("int8", GPU, FLOAT32, {"int8": shift(0.0)})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_roberta(tmp_path_factory.mktemp("tiny"))


def load(folder: Path, dtype: str, calibration: Mapping[str, Any], **shifts: Mapping[str, Any]) -> Detector:
    whole = {
        "format": 1,
        "kind": "transformers",
        "name": "tiny",
        "labels": ["human", "machine"],
        "calibration": calibration,
        "formats": shifts,
    }
    (folder / "detector.json").write_text(json.dumps(whole))
    return load_detector(DetectorSettings(model=str(folder), device="cpu", dtype=dtype))  # type: ignore[arg-type]  # one of them


MEASURED = {"texts": 5_000, "worst": 0.2, "mean": 0.01, "device": "a machine", "torch": "2.10", "policy": "p"}


def test_a_directory_is_run_in_what_its_calibration_allows(folder: Path) -> None:
    fitted = {"fitted": True, "threshold": 0.9}
    own = load(folder, "float32", fitted)
    with pytest.raises(SettingsError, match="was not measured"):
        load(folder, "int8", fitted)
    with pytest.raises(SettingsError, match=r"changes 12 % of 5000 decisions"):
        load(folder, "int8", fitted, int8=MEASURED | {"changed": 0.12})
    with capture_logs() as logged:
        other = load(folder, "int8", fitted, int8=MEASURED | {"changed": 0.0005})
    assert other.digest != own.digest
    assert other.logits(other.encode(SENTENCES)) != own.logits(own.encode(SENTENCES))
    # What another machine found need not hold for this one.
    (told,) = (event for event in logged if event["event"] == "number_format_measured_elsewhere")
    assert (told["number_format"], told["measured_on"]) == ("int8", "a machine")


def test_auto_stays_with_the_calibrations_format(folder: Path) -> None:
    calibration = {"fitted": True, "number_format": "int8"}
    own = load(folder, "int8", calibration)
    with capture_logs() as logged:
        auto = load(folder, "auto", calibration)
    assert auto.digest == own.digest
    assert auto.logits(auto.encode(SENTENCES)) == own.logits(own.encode(SENTENCES))
    (told,) = (event for event in logged if event["event"] == "native_format_not_taken")
    assert told["taken"] == "int8"


def test_the_digest_says_which_format_a_calibration_belongs_to(folder: Path) -> None:
    digests = {
        load(folder, "float32", {"fitted": True}).digest,
        load(folder, "float32", {"fitted": True, "number_format": "float32"}).digest,
        load(folder, "float32", {"fitted": True, "slope": 2.0}).digest,
    }
    assert len(digests) == 3


@pytest.mark.parametrize(
    "formats",
    [
        {"int4": MEASURED | {"changed": 0.0}},
        {"int8": MEASURED},
        {"int8": MEASURED | {"changed": 2.0}},
        {"int8": MEASURED | {"changed": 0.0, "texts": 0}},
        {"int8": MEASURED | {"changed": 0.0, "worst": -1.0}},
    ],
)
def test_a_measurement_that_is_none(folder: Path, formats: dict[str, Any]) -> None:
    with pytest.raises(FlagstaffError, match=r"detector.json is not valid"):
        load(folder, "float32", {"fitted": True}, **formats)
