"""A data folder: one user at a time, facts kept between starts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from worker.embedded.folder import Folder
from worker.errors import EmbeddedError

if TYPE_CHECKING:
    from pathlib import Path


def test_facts_outlive_the_user(tmp_path: Path) -> None:
    for before in ({}, {"port": 20_001}):
        folder = Folder(tmp_path / "new" / "data", 1)
        assert folder.facts() == before
        folder.remember({"port": 20_001})
        folder.close()


def test_broken_facts_are_named(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{", encoding="ascii")
    folder = Folder(tmp_path, 1)
    with pytest.raises(EmbeddedError, match=r"state\.json is broken"):
        folder.facts()
    folder.close()


def test_a_second_user_is_told_who_the_first_is(tmp_path: Path) -> None:
    folder = Folder(tmp_path, 1)
    with pytest.raises(EmbeddedError, match=f"in use by another process \\({os.getpid()}\\)"):
        Folder(tmp_path, 1)
    folder.close()
    Folder(tmp_path, 1).close()


def test_a_disk_without_room_is_named(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match=r"the disk is full: .* MiB are needed"):
        Folder(tmp_path, 1 << 40)
