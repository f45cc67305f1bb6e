"""A server's data folder: one user at a time, a few facts kept between starts, a full disk said plainly."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from worker.errors import EmbeddedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIB = 1 << 20
# Servers of a Flagstaff that was killed hold the lock until they have ended, which they do within this time.
AFTERMATH_S = 12.0


@contextmanager
def plain_disk_errors(folder: Path) -> Iterator[None]:
    """Turns what the operating system says of a folder into one line.

    Raises:
        EmbeddedError: the disk is full, or the folder can't be read or written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise EmbeddedError(f"embedded: the disk is full: {folder} can't be written") from None
        raise EmbeddedError(f"embedded: can't use the folder {folder}: {error.strerror or error}") from None


class Folder:
    """A folder that this process alone uses, from construction until `close`.

    Args:
        path: made where it is missing.
        least_mib: free space that the server needs to start, in MiB.

    Raises:
        EmbeddedError: another process uses it, it can't be written, or the disk has too little room.
    """

    def __init__(self, path: Path, least_mib: int) -> None:
        self.path = path.absolute()
        with plain_disk_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._acquire()
            self._check_room(least_mib)
        except EmbeddedError:
            self.close()
            raise

    def _check_room(self, least_mib: int) -> None:
        with plain_disk_errors(self.path):
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, str(os.getpid()).encode(), 0)
            free = shutil.disk_usage(self.path).free // MIB
        if free < least_mib:
            raise EmbeddedError(
                f"embedded: the disk is full: {self.path} has {free} MiB left, {least_mib} MiB are needed"
            )

    def _acquire(self) -> None:
        give_up = time.monotonic() + AFTERMATH_S
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                holder = os.pread(self._lock, 20, 0).decode()
                if _lives(holder) or time.monotonic() > give_up:
                    raise EmbeddedError(
                        f"embedded: {self.path} is in use by another process ({holder or 'unknown'}): "
                        "stop it, or choose another folder"
                    ) from None
                time.sleep(0.1)
            else:
                return

    @property
    def lock(self) -> int:
        """The file descriptor that holds the lock: whoever inherits it holds it too."""
        return self._lock

    def facts(self) -> dict[str, Any]:
        """What `remember` last wrote; empty where nothing was written yet.

        Raises:
            EmbeddedError: the file can't be read.
        """
        path = self.path / "state.json"
        with plain_disk_errors(self.path):
            if not path.exists():
                return {}
            try:
                facts = json.loads(path.read_text(encoding="utf-8"))
            except ValueError:
                raise EmbeddedError(
                    f"embedded: {path} is broken: choose another folder, or delete it"
                ) from None
        return dict(facts)

    def remember(self, facts: dict[str, Any]) -> None:
        """Keeps facts for the next start, all or nothing.

        Raises:
            EmbeddedError: they can't be written.
        """
        with plain_disk_errors(self.path):
            draft = self.path / "state.json.new"
            draft.write_text(json.dumps(facts, indent=1), encoding="utf-8")
            draft.replace(self.path / "state.json")

    def close(self) -> None:
        """Lets others use the folder."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _lives(holder: str) -> bool:
    try:
        os.kill(int(holder), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
