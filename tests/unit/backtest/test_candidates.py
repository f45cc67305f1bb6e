"""What a candidate may change, and how a wrong one is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from worker.backtest.candidates import Candidate, candidate_of, candidate_settings, variants
from worker.errors import SettingsError
from worker.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path


def written(folder: Path, content: str) -> Candidate:
    path = folder / "candidate.yaml"
    path.write_text(content)
    return Candidate("new", path)


def test_a_name_and_a_file(tmp_path: Path) -> None:
    assert candidate_of(f"strict-1={tmp_path}/a=b.yaml") == Candidate("strict-1", tmp_path / "a=b.yaml")


@pytest.mark.parametrize(
    "given", ["strict", "strict=", "=a.yaml", "live=a", "parts=a", "../x=a", "A=a", "a.b=a"]
)
def test_what_is_none(given: str) -> None:
    with pytest.raises(ValueError, match=r"write NAME=FILE.yaml|can't be a candidate's name"):
        candidate_of(given)


def test_only_what_the_file_names_differs_and_the_environment_has_no_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLAGSTAFF_DETECTOR__MODEL", "elsewhere")
    live = load_settings(
        environ={"FLAGSTAFF_DETECTOR__MODEL": "constant", "FLAGSTAFF_DETECTOR__DTYPE": "int8"}
    )
    own = candidate_settings(
        live, written(tmp_path, "detector: {model: default}\nsignals: {enabled: 'account_age,link_share'}\n")
    )
    assert (own.detector.model, own.detector.dtype) == ("default", "int8")
    assert own.signals.enabled == ("account_age", "link_share")
    assert (own.kafka, own.topics, own.policy) == (live.kafka, live.topics, live.policy)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("topics: {posts: other}", "sets 'topics'; only detector, policy, signals"),
        ("detector: {dtype: int3}", r"detector.dtype \(FLAGSTAFF_DETECTOR__DTYPE\)"),
        ("detector: {modell: x}", "unknown key 'detector.modell'"),
        ("policy: {file: 'none.yaml'}", "can't read none.yaml"),
        ("- a", "must hold keys and values"),
    ],
)
def test_a_wrong_file_is_told_in_one_line(tmp_path: Path, content: str, told: str) -> None:
    candidate = written(tmp_path, content)
    live = load_settings(environ={"FLAGSTAFF_DETECTOR__MODEL": "constant"})
    with pytest.raises(SettingsError, match=told) as caught:
        variants(live, [candidate])
    assert "\n" not in str(caught.value)


def test_a_detector_that_several_name_is_loaded_once(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "name: strict\nthresholds: {label: 0.9, review: 0.98, limit: 0.99}\ndetector: {}\nsignals: {}\n"
    )
    live = load_settings(environ={"FLAGSTAFF_DETECTOR__MODEL": "constant"})
    first, second = variants(live, [written(tmp_path, f"policy: {{file: '{policy}'}}")])
    assert (first.name, second.name, second.policy.name) == ("live", "new", "strict")
    assert first.detector is second.detector
