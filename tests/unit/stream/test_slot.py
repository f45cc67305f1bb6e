from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from worker.errors import SettingsError
from worker.stream.slot import Slot

if TYPE_CHECKING:
    from pathlib import Path

_HOLD = """
import sys
from pathlib import Path
from worker.stream.slot import Slot
slot = Slot(Path(sys.argv[1]))
print(slot.number, flush=True)
sys.stdin.read()
"""


def test_each_process_has_its_own_and_a_dead_one_leaves_it_to_the_next(tmp_path: Path) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdin is not None
    assert other.stdout.readline().strip() == "0"
    mine = Slot(tmp_path)
    assert mine.number == 1
    assert mine.abandoned() == [1]
    other.kill()
    other.wait()
    other.stdin.close()
    other.stdout.close()
    assert sorted(mine.abandoned()) == [0, 1]
    heir = Slot(tmp_path)
    assert heir.number == 0
    mine.release()
    heir.release()


def test_the_transactional_id_names_the_slot(tmp_path: Path) -> None:
    slot = Slot(tmp_path)
    assert slot.transactional_id("mod").startswith("mod-")
    assert slot.transactional_id("mod").endswith("-0")
    slot.release()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="data_dir"):
        Slot(tmp_path / "file")
