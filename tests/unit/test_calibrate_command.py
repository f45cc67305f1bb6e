"""`flagstaff calibrate` from the command line, on a linear detector of the test's own."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.linear_checkpoint import linear_checkpoint
from worker.commands import main
from worker.detector.checkpoint import WEIGHTS, read_manifest
from worker.detector.loading import load_detector
from worker.settings import DetectorSettings

if TYPE_CHECKING:
    from pathlib import Path

    from worker.detector.checkpoint import Manifest

WORDS = ("the", "some", "many", "old", "tall", "house", "river", "bird", "walks", "under", "near", "never")


def called(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["calibrate", *map(str, arguments)])
    return int(ended.value.code or 0)


def texts(path: Path, count: int, *, label: str | None = None, lang: str | None = None) -> Path:
    """Random sentences of 15 to 60 words; a machine's use a word that the detector's random weights find."""
    random = Random(0)  # noqa: S311 - it guards nothing
    rows = []
    for place in range(count):
        machine = label == "machine" or (label is None and place % 2 == 1)
        words = random.choices(WORDS, k=random.randint(15, 60))
        if machine:
            words = [word if random.random() < 0.5 else "moon" for word in words]
        row: dict[str, Any] = {"id": str(place), "text": " ".join(words), "author": {"id": f"a{place}"}}
        if label != "human":
            row["label"] = "machine" if machine else "human"
        if lang is not None:
            row["lang"] = lang
        rows.append(row)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    linear_checkpoint(tmp_path / "detector")
    return tmp_path / "detector"


def manifest(folder: Path) -> Manifest:
    found = read_manifest(folder)
    assert found is not None
    return found


def test_human_posts_alone_set_a_threshold_in_a_new_directory(
    detector: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = manifest(detector)
    posts = texts(tmp_path / "posts.jsonl", 700, label="human", lang="en-GB")
    out = tmp_path / "out"
    asked = ("--model", detector, "--human", posts, "--false-positive-rate", 0.02, "--check-halves", 3)
    assert called(*asked, "--out", out) == 0
    printed = capfd.readouterr()
    written = manifest(out)
    assert manifest(detector) == before
    assert (out / WEIGHTS).read_bytes() == (detector / WEIGHTS).read_bytes()
    calibration = written.calibration
    assert (calibration.slope, calibration.intercept) == (1.0, 0.0)
    assert calibration.languages == ("en",)
    assert calibration.languages_by is not None
    assert calibration.threshold != before.calibration.threshold
    assert written.provenance["calibration"]["request"]["aim"]["rate"] == 0.02
    loaded = load_detector(DetectorSettings(model=str(out)))
    assert printed.out.splitlines()[-1] == f"{loaded.digest}  {out}"
    assert "with 95 % confidence in this very threshold, at most 2 %" in printed.out
    assert "3 random halves" in printed.out


def test_labelled_texts_make_probabilities_in_place(
    detector: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = texts(tmp_path / "data.jsonl", 4_000)
    asked = ("--model", detector, "--data", data, "--false-positive-rate", 0.05, "--method", "conformal")
    code = called(*asked, "--no-language-identifier", "--in-place")
    printed = capfd.readouterr()
    assert code == 0, printed.err
    calibration = manifest(detector).calibration
    assert calibration.fitted
    assert calibration.languages == ("en",)
    assert calibration.languages_by is None
    assert calibration.slope != 1.0
    assert "averaged over thresholds" in printed.out
    assert sorted(path.name for path in detector.iterdir()) == ["detector.json", WEIGHTS]
    assert called(*asked, "--no-language-identifier", "--in-place") == 0
    assert manifest(detector).calibration == calibration


def test_what_the_staff_decided_is_said_to_be_a_selection(
    detector: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    posts = texts(tmp_path / "posts.jsonl", 10, label="human")
    place = {"topic": "posts", "partition": 0, "offset": 1}
    flags = tmp_path / "flags.jsonl"
    flags.write_text(json.dumps({"id": "f", "post_id": "1", "source": place}) + "\n")
    decisions = tmp_path / "decisions.jsonl"
    row = {"flag_id": "f", "post_id": "1", "reviewer": "r", "verdict": "human"}
    decisions.write_text(json.dumps(row | {"decided_at": "2026-03-01T12:00:00Z"}) + "\n")
    code = called(
        *("--model", detector, "--decisions", decisions, "--flags", flags, "--posts", posts),
        *("--out", tmp_path / "out"),
    )
    said = capfd.readouterr().err
    assert code == 1
    assert "1 decisions give 1 texts" in said
    assert "reviewed posts are a selection" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--out", "new"), 2, "no texts"),
        (("--human", "posts.jsonl"), 2, "--out, or replace"),
        (("--human", "posts.jsonl", "--out", "new", "--in-place"), 2, "one of the two"),
        (("--decisions", "posts.jsonl", "--out", "new"), 2, "belong together"),
        (("--human", "posts.jsonl", "--machine-share", "0.1", "--out", "new"), 2, "--machine-share"),
        (("--human", "posts.jsonl", "--out", "detector"), 2, "is not empty"),
        (("--human", "posts.jsonl", "--dtype", "bfloat16", "--out", "new"), 2, "has one format"),
        (("--human", "posts.jsonl", "--language", "xx", "--out", "new"), 2, "can't tell the language 'xx'"),
        (("--human", "missing.jsonl", "--out", "new"), 1, "can't read missing.jsonl"),
        (("--data", "posts.jsonl", "--out", "new"), 1, "posts.jsonl:1: no `label`"),
        (("--human", "posts.jsonl", "--out", "new"), 1, "at 95 % confidence takes 299"),
        (("--human", "posts.jsonl", "--model", "nowhere", "--out", "new"), 2, "is no directory"),
    ],
)
def test_what_can_not_be_done_is_told_in_one_line(  # noqa: PLR0913 - three that vary, and what pytest gives
    arguments: tuple[str, ...],
    code: int,
    said: str,
    *,
    detector: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    texts(tmp_path / "posts.jsonl", 60, label="human", lang="en")
    before = manifest(detector)
    assert called("--model", detector.name, *arguments) == code
    assert said in capfd.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "new").exists()
    assert manifest(detector) == before
