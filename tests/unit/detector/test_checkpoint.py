from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from worker.detector.calibration import Calibration
from worker.detector.checkpoint import MANIFEST, WEIGHTS, Manifest, read_linear, read_manifest, write_linear
from worker.detector.linear import LinearModel
from worker.detector.loading import load_detector
from worker.detector.ngrams import NgramSpec
from worker.errors import DetectorError
from worker.settings import DetectorSettings

if TYPE_CHECKING:
    from pathlib import Path

SPEC = NgramSpec(bits=8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    manifest = Manifest(
        format=1,
        kind="linear",
        name="small",
        labels=("human", "machine"),
        calibration=Calibration(fitted=True, slope=2.0, intercept=-1.0, languages=("en",), threshold=0.9),
        linear=LinearModel(ngrams=SPEC, scale=0.001, bias=0.5),
        provenance={"learned from": "nothing"},
    )
    write_linear(tmp_path / "new" / "small", manifest, np.arange(SPEC.buckets, dtype=np.int16))
    return tmp_path / "new" / "small"


def refused(folder: Path) -> str:
    with pytest.raises(DetectorError) as caught:
        load_detector(DetectorSettings(model=str(folder)))
    message = str(caught.value)
    assert str(folder) in message
    assert "\n" not in message
    return message


def change(folder: Path, **fields: Any) -> None:
    manifest = json.loads((folder / MANIFEST).read_bytes())
    (folder / MANIFEST).write_text(json.dumps(manifest | fields))


def test_what_is_written_is_read_again(folder: Path) -> None:
    manifest = read_manifest(folder)
    assert manifest is not None
    first, again = read_linear(folder, manifest), read_linear(folder, manifest)
    assert first.name == "small"
    assert first.calibration == manifest.calibration
    assert first.calibration.threshold == 0.9
    assert first.digest == again.digest
    assert first.logits(first.encode(["a text"])) == again.logits(again.encode(["a text"]))


def test_whoever_may_read_the_directory_may_read_the_weights(folder: Path) -> None:
    modes = {path.stat().st_mode for path in folder.iterdir()}
    assert len(modes) == 1


def test_a_directory_without_a_manifest_has_none(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"format": 2},
        {"kind": "forest"},
        {"unknown": 1},
        {"labels": ["human", "human"]},
        {"labels": ["machine", "human"]},
        {"linear": None},
        {"linear": {"ngrams": {"bits": 40}, "scale": 1, "bias": 0}},
        {"linear": {"ngrams": {"shortest": 4, "longest": 2}, "scale": 1, "bias": 0}},
        {"linear": {"ngrams": {}, "scale": 0, "bias": 0}},
        {"linear": {"ngrams": {"bits": 9}, "scale": 1, "bias": 0}},
    ],
)
def test_a_manifest_that_does_not_fit_is_named(folder: Path, fields: dict[str, Any]) -> None:
    change(folder, **fields)
    refused(folder)


def test_a_manifest_that_is_not_json_is_named(folder: Path) -> None:
    (folder / MANIFEST).write_bytes(b"\xff{")
    assert MANIFEST in refused(folder)


def test_weights_that_are_missing_are_named(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    assert "missing" in refused(folder)


def test_weights_that_are_cut_short_are_named(folder: Path) -> None:
    path = folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:-10])
    assert "broken" in refused(folder)


@pytest.mark.parametrize(
    "tensors",
    [
        {"weights": np.zeros(SPEC.buckets, np.float32)},
        {"weights": np.zeros(SPEC.buckets - 1, np.int16)},
        {"weights": np.zeros((1, SPEC.buckets), np.int16)},
        {"other": np.zeros(SPEC.buckets, np.int16)},
    ],
)
def test_weights_of_another_shape_are_refused(folder: Path, tensors: dict[str, Any]) -> None:
    save_file(tensors, folder / WEIGHTS)
    assert "256 16-bit integers" in refused(folder)


def test_a_place_that_can_not_be_written_to_is_named(folder: Path) -> None:
    manifest = read_manifest(folder)
    assert manifest is not None
    with pytest.raises(DetectorError, match="can't write"):
        write_linear(folder / MANIFEST / "below", manifest, np.zeros(SPEC.buckets, np.int16))
