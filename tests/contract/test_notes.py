"""What a dead process noted, told through Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from worker.redis_link import RedisLink
from worker.settings import RedisSettings
from worker.stream.notes import Notes, Place
from worker.stream.slot import Slot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FIRST, SECOND = ("posts", 0, 7), ("posts", 1, 9)


@pytest.fixture
def link(redis_url: str) -> Iterator[RedisLink]:
    link = RedisLink(RedisSettings(url=redis_url, timeout_ms=5_000))
    yield link
    link.close()


def life(folder: Path, link: RedisLink, writer: str, *noted: Place) -> set[Place]:
    """One process's life in a container of its own, ended while it scores; returns what it suspected."""
    slot = Slot(folder)
    notes = Notes(slot, writer, link=link, key="noted")
    found = notes.left_behind()
    if noted:
        notes.write("score", noted)
    notes.close()
    slot.release()
    return found


def test_another_machine_finds_what_a_dead_worker_noted(link: RedisLink, tmp_path: Path) -> None:
    life(tmp_path / "a", link, "worker-a", FIRST)
    assert life(tmp_path / "b", link, "worker-b") == {FIRST}


def test_a_container_that_lost_its_files_finds_what_it_noted_itself(link: RedisLink, tmp_path: Path) -> None:
    life(tmp_path / "1", link, "worker", FIRST)
    assert life(tmp_path / "2", link, "worker", SECOND) == {FIRST}
    assert life(tmp_path / "3", link, "worker") == {FIRST, SECOND}
    assert life(tmp_path / "other", link, "another") == {FIRST, SECOND}


def test_what_was_struck_out_is_nobodys_suspect(link: RedisLink, tmp_path: Path) -> None:
    slot = Slot(tmp_path / "a")
    notes = Notes(slot, "worker-a", link=link, key="noted")
    notes.write("encode", [FIRST])
    notes.strike("encode")
    assert life(tmp_path / "b", link, "worker-b") == set()
    notes.close()
    slot.release()
