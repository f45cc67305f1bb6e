"""A model of the hub's cache is that of its commit, or is refused. Nothing here asks the hub."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.hub_cache import COMMIT, put_in_cache
from worker.detector.hub import download
from worker.errors import DetectorError

if TYPE_CHECKING:
    from pathlib import Path

FILES = {"config.json": b"{}", "tokenizer.json": b'{"a": 1}', "model.safetensors": bytes(5_000_000)}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # Read from the environment when the library is imported.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path / "cache"


@pytest.fixture
def snapshot(cache: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    return put_in_cache(cache, folder)


def refused() -> str:
    with pytest.raises(DetectorError) as caught:
        download("org/name", COMMIT)
    said = str(caught.value)
    assert said.startswith(f"detector: org/name at {COMMIT}")
    assert "\n" not in said
    return said


def test_what_is_in_the_cache_as_it_was_fetched_is_taken(snapshot: Path) -> None:
    folder = download("org/name", COMMIT)
    assert folder.samefile(snapshot)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES


def test_small_files_are_named_as_git_names_them(snapshot: Path) -> None:
    done = subprocess.run(
        ["git", "hash-object", "--no-filters", snapshot / "tokenizer.json"],  # noqa: S607 - git of the path
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == (snapshot / "tokenizer.json").readlink().name


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("change", [b"", b"x"])
def test_a_file_that_has_changed_is_refused_by_name(snapshot: Path, name: str, change: bytes) -> None:
    path = (snapshot / name).resolve()
    path.write_bytes((path.read_bytes() + change) if change else path.read_bytes()[:-1])
    said = refused()
    assert f": {name} is not what the hub has" in said
    assert str(path) in said


def test_a_file_of_the_same_size_is_looked_into(snapshot: Path) -> None:
    path = (snapshot / "model.safetensors").resolve()
    with path.open("r+b") as file:
        file.seek(4_000_000)
        file.write(b"\1")
    assert "model.safetensors is not what" in refused()


def test_a_file_in_a_links_place_is_refused(snapshot: Path) -> None:
    (snapshot / "config.json").unlink()
    (snapshot / "config.json").write_bytes(FILES["config.json"])
    assert "config.json is not kept under its digest" in refused()


def test_a_link_to_something_without_a_digest_is_refused(snapshot: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_bytes(FILES["config.json"])
    (snapshot / "config.json").unlink()
    (snapshot / "config.json").symlink_to(tmp_path / "mine.json")
    assert "config.json is not what the hub has" in refused()


def test_a_blob_that_is_gone_is_refused(snapshot: Path) -> None:
    (snapshot / "model.safetensors").resolve().unlink()
    assert "model.safetensors can't be read" in refused()


def test_a_blob_that_several_models_share_is_checked_under_its_first_name(
    snapshot: Path, cache: Path
) -> None:
    """The library may keep large files once for all models, under names of another kind."""
    blob = (snapshot / "model.safetensors").resolve()
    (cache / "blobs" / "ab").mkdir(parents=True)
    shared = blob.rename(cache / "blobs" / "ab" / f"ab{31 * '00'}")
    blob.symlink_to(shared)
    assert download("org/name", COMMIT).samefile(snapshot)
    shared.write_bytes(b"x")
    assert "model.safetensors is not what" in refused()


def test_only_what_is_asked_for_is_read(snapshot: Path) -> None:
    (snapshot / "model.safetensors").resolve().write_bytes(b"x")
    assert download("org/name", COMMIT, ["*.json"]).samefile(snapshot)


def test_a_commit_that_is_not_there(snapshot: Path) -> None:
    assert snapshot.is_dir()
    with pytest.raises(DetectorError, match="check both names and the connection"):
        download("org/name", "f" * 40)
