"""A worker process's own place in the data directory.

A slot is a number with a locked file. The lock ends with the process, however it ends, so the next process
takes over the slot of the one that died: its transactional id, which fences it, and its notes.
"""

from __future__ import annotations

import fcntl
import os
import socket
from typing import TYPE_CHECKING, Final

from worker.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

_MOST: Final = 4096


class Slot:
    """The lowest free slot of a directory, held until the process ends."""

    def __init__(self, data_dir: Path) -> None:
        """Takes a slot.

        Raises:
            SettingsError: the directory can't be written.
        """
        self.folder = data_dir / "slots"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.number, self._lock = self._take()
        except OSError as error:
            raise SettingsError(f"settings: data_dir (FLAGSTAFF_DATA_DIR) {data_dir}: {error}") from None

    def _take(self) -> tuple[int, int]:
        for number in range(_MOST):
            lock = os.open(self.folder / f"{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            if _locked(lock):
                return number, lock
            os.close(lock)
        raise OSError(f"all {_MOST} slots are taken")

    def transactional_id(self, prefix: str) -> str:
        """Stable over restarts; no other worker on another host or with this data directory has it."""
        return f"{prefix}-{socket.gethostname()}-{self.number}"

    def abandoned(self) -> list[int]:
        """The slots whose process has ended, this process's own included: it has taken it over from one."""
        free = [self.number]
        for path in self.folder.glob("*.lock"):
            number = int(path.stem)
            if number == self.number:
                continue
            lock = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            if _locked(lock):
                free.append(number)
            os.close(lock)
        return free

    def release(self) -> None:
        """Gives the slot back."""
        os.close(self._lock)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
