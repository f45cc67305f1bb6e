from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.ruled_detector import CALIBRATION
from worker.detector.calibration import Calibration
from worker.errors import SettingsError
from worker.lab.bias.gate import default_gate, read_gate
from worker.lab.bias.report import BiasGate

if TYPE_CHECKING:
    from pathlib import Path


def test_a_gate_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "gate.yaml"
    path.write_text("bound: 0.02\nratio: 2\n")
    assert read_gate(path) == BiasGate(bound=0.02, ratio=2.0)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "bound: 0",
        "bound: 2",
        "ratio: 2",
        "bound: 0.1\nratio: 0.5",
        "bound: 0.1\nfoo: 1",
        "[",
        "bound: 0.1\nsignificance: 1",
    ],
)
def test_what_is_no_gate_is_one_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "gate.yaml"
    path.write_text(content)
    with pytest.raises(SettingsError, match=r"gate: .*gate\.yaml is no gate: [^\n]+$"):
        read_gate(path)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="can't read"):
        read_gate(tmp_path / "none")


def test_the_default_bound_is_what_the_detector_promises() -> None:
    assert default_gate(CALIBRATION).bound == 0.05
    assert default_gate(Calibration(fitted=True, false_positive_bound=0.013)).bound == 0.013
    assert default_gate(Calibration()).bound == 0.05
