from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from worker.settings import DetectorSettings, PolicySettings, Settings
from worker.stream.origin import origin

if TYPE_CHECKING:
    from pathlib import Path


def _settings(model: Path | str, policy: Path | None = None) -> Settings:
    file = None if policy is None else str(policy)
    return Settings(detector=DetectorSettings(model=str(model)), policy=PolicySettings(file=file))


def test_a_directorys_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "v1").mkdir()
    (tmp_path / "model").symlink_to(tmp_path / "v1")
    assert origin(_settings(tmp_path / "model")).detector.model == str(tmp_path / "v1")


def test_a_file_keeps_its_name_and_is_seen_with_what_stands_beside_it(tmp_path: Path) -> None:
    (tmp_path / "v1").mkdir()
    (tmp_path / "blob").write_bytes(b"weights")
    (tmp_path / "v1" / "detector.pt").symlink_to(tmp_path / "blob")
    (tmp_path / "model").symlink_to(tmp_path / "v1")
    settings = _settings(tmp_path / "model" / "detector.pt")
    before = origin(settings)
    assert before.detector.model == str(tmp_path / "v1" / "detector.pt")
    (tmp_path / "v1" / "tokenizer.json").write_text("{}")
    assert not origin(settings).same_detector(before)
    before = origin(settings)
    (tmp_path / "blob").write_bytes(b"other weights")
    assert not origin(settings).same_detector(before)


@pytest.mark.parametrize("model", ["default", "constant", "some/hub-id", "/no/such/model", "x" * 5000, "\0"])
def test_what_is_no_path_stays_as_it_is(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("default", "constant"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    settings = _settings(model)
    assert origin(settings) == (settings.detector, (), None)


def test_a_policy_file_that_is_replaced_leaves_the_detector_alone(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    settings = _settings("constant", policy)
    missing = origin(settings)
    policy.write_text("name: a")
    first = origin(settings)
    policy.write_text("name: strict")
    second = origin(settings)
    assert len({missing, first, second}) == 3
    assert first.same_detector(second)
