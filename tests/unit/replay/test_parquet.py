"""Parquet beside JSON lines: the same rows, the same bytes each time."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.support.command import flagstaff
from tests.support.replay_report import difference
from worker.flag_maker import encode_flag
from worker.records import DetectorReading, Flag, PolicyStamp, SignalReading, Source

if TYPE_CHECKING:
    from pathlib import Path

    from worker.replay.causes import Cause

pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")

from pyarrow import parquet

from worker.replay.parquet import parquet_outputs

CAUSES: tuple[Cause, ...] = ("held", "post_gone")


def flag(number: int) -> Flag:
    return Flag(
        id=f"f{number}",
        post_id=f"p{number}",
        author_id=None if number % 2 else "a",
        source=Source("posts", 3, 2**40 + number, 1_772_366_400_123),
        action="review",
        score=0.1 + number / 7,
        detector=DetectorReading(
            name="d",
            digest="d1",
            logit=-1.5,
            probability=0.25,
            tokens=40,
            truncated=False,
            calibrated=True,
            threshold=None,
            false_positive_bound=0.01,
        ),
        signals=(SignalReading("posting_rate", None, 0.0), SignalReading("link_share", 0.5, 0.2)),
        reasons=("one", "two"),
        policy=PolicyStamp("default", "p1"),
        metadata={"room": {"ü": [1, None]}} if number else {},
    )


def written(folder: Path, flags: int) -> Path:
    folder.mkdir()
    lines = [encode_flag(flag(number)) + b"\n" for number in range(flags)]
    (folder / "decisions.jsonl").write_bytes(b"".join(lines))
    differences = [msgspec.json.encode(difference(cause)) + b"\n" for cause in CAUSES] if flags else []
    (folder / "diff.jsonl").write_bytes(b"".join(differences))
    return folder


@pytest.mark.parametrize("flags", [0, 3, 10_001])
def test_rows_are_those_of_the_lines(tmp_path: Path, flags: int) -> None:
    folder = written(tmp_path / "out", flags)
    sealed = parquet_outputs(folder)
    assert list(sealed) == ["decisions.parquet", "diff.parquet"]
    for name, one in sealed.items():
        content = (folder / name).read_bytes()
        assert (one.bytes, one.sha256) == (len(content), sha256(content).hexdigest())
        lines = [json.loads(line) for line in (folder / name).with_suffix(".jsonl").read_text().splitlines()]
        assert one.lines == len(lines)
        rows = parquet.read_table(folder / name).to_pylist()
        for line in lines:
            if "metadata" in line:
                line["metadata"] = json.dumps(line["metadata"], ensure_ascii=False, separators=(",", ":"))
                line["source"]["timestamp"] = datetime(2026, 3, 1, 12, 0, 0, 123_000, UTC)
        assert rows == lines


def test_the_same_lines_give_the_same_bytes(tmp_path: Path) -> None:
    assert parquet_outputs(written(tmp_path / "one", 50)) == parquet_outputs(written(tmp_path / "two", 50))


def test_without_the_package_it_is_said_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "missing"
    missing.mkdir()
    (missing / "pyarrow.py").write_text("raise ModuleNotFoundError(name='pyarrow')\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(missing), os.environ.get("PYTHONPATH", "")]))
    out = tmp_path / "out"
    ended = flagstaff("replay", "--offsets", "0:0-9", "--out", str(out), "--parquet")
    assert (ended.code, ended.out) == (1, "")
    assert ended.said == ["flagstaff: this needs the package pyarrow: pip install 'flagstaff[parquet]'"]
    assert not out.exists()
