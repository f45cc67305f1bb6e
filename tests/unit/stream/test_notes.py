from __future__ import annotations

import time
from typing import TYPE_CHECKING

from worker.stream.notes import Notes
from worker.stream.slot import Slot

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

_POSTS = [("posts", 0, 7), ("posts", 1, 9)]


def _notes(slot: Slot) -> Notes:
    return Notes(slot, "worker-0", link=None, key="noted")


def test_what_was_noted_when_a_process_ended_is_found_by_the_next(tmp_path: Path) -> None:
    slot = Slot(tmp_path)
    notes = _notes(slot)
    notes.write("score", _POSTS)
    notes.close()
    slot.release()
    heir = Slot(tmp_path)
    inherited = _notes(heir)
    inherited.write("score", [("posts", 5, 5)])
    assert inherited.left_behind() == set(_POSTS)
    inherited.close()
    heir.release()


def test_what_went_through_is_struck_out(tmp_path: Path) -> None:
    slot = Slot(tmp_path)
    notes = _notes(slot)
    notes.write("encode", _POSTS * 100)
    notes.strike("encode")
    notes.close()
    assert _notes(slot).left_behind() == set()
    slot.release()


def test_the_notes_of_a_dead_neighbour_are_found_but_not_those_of_a_living_one(tmp_path: Path) -> None:
    neighbour, mine = Slot(tmp_path), Slot(tmp_path)
    theirs = _notes(neighbour)
    theirs.write("encode", _POSTS)
    notes = _notes(mine)
    assert notes.left_behind() == set()
    neighbour.release()
    assert notes.left_behind() == set(_POSTS)
    notes.close()
    mine.release()


def test_a_torn_note_is_passed_over(tmp_path: Path) -> None:
    slot = Slot(tmp_path)
    (slot.folder / "0.score").write_bytes(b'{"at": 12')
    assert _notes(slot).left_behind() == set()
    slot.release()


def test_an_heir_that_dies_of_another_post_leaves_both(tmp_path: Path) -> None:
    others = [("posts", 2, 1)]
    for places in (_POSTS, others):
        slot = Slot(tmp_path)
        notes = _notes(slot)
        notes.write("score", places)
        notes.close()
        slot.release()
    heir = Slot(tmp_path)
    inherited = _notes(heir)
    assert inherited.left_behind() == {*_POSTS, *others}
    inherited.close()
    heir.release()


def test_what_an_heir_suspects_its_neighbours_suspect(tmp_path: Path) -> None:
    neighbour, slot = Slot(tmp_path), Slot(tmp_path)
    notes, dead = _notes(neighbour), _notes(slot)
    dead.write("score", _POSTS)
    dead.close()
    slot.release()
    heir = Slot(tmp_path)
    inherited = _notes(heir)
    inherited.write("score", [("posts", 3, 3)])
    assert notes.left_behind() == set(_POSTS)
    notes.close()
    inherited.close()
    neighbour.release()
    heir.release()


def test_an_old_note_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slot = Slot(tmp_path)
    notes = _notes(slot)
    notes.write("score", _POSTS)
    notes.close()
    heir = _notes(slot)
    assert heir.left_behind() == set(_POSTS)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3601)
    assert heir.left_behind() == set()
    heir.close()
    slot.release()
