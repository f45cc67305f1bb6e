"""`make gpu`'s benchmark, as far as a CPU can run it."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks.gpu.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path

ON_A_CPU = (
    "--device",
    "cpu",
    "--dtype",
    "float32",
    "--models",
    "tiny",
    "--lengths",
    "short",
    "--posts",
    "24",
)


def run(monkeypatch: pytest.MonkeyPatch, *more: str) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks.gpu", *ON_A_CPU, *more])
    main()


def test_it_writes_what_it_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run(monkeypatch, "--rounds", "1", "--out", str(tmp_path / "gpu.json"))
    figures = json.loads((tmp_path / "gpu.json").read_text())
    assert figures["tiny.short.way"] == "packed"
    assert figures["tiny.short.texts_with_other_bits"] == 0
    assert figures["tiny.short.worst_logit_difference"] < 1e-4
    for name in ("posts_per_s", "of_matmul", "of_lasting_matmul", "over_padded", "cpu_s_per_1000_posts"):
        assert figures[f"tiny.short.{name}"] > 0


def test_a_process_that_shares_the_device_says_when_it_began_and_ended(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("go\n"))
    run(monkeypatch, "--share")
    ready, span = capsys.readouterr().out.splitlines()
    began, ended = json.loads(span)
    assert ready == "ready"
    assert began < ended


def test_without_a_gpu_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["benchmarks.gpu"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "no CUDA device" in capsys.readouterr().err
