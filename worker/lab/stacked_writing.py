"""Writes a stacked detector with all its members."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from worker.detector.checkpoint import write_manifest
from worker.errors import DetectorError

if TYPE_CHECKING:
    from pathlib import Path

    from worker.lab.stacked_training import TrainedStack


def write_stacked(directory: Path, trained: TrainedStack) -> None:
    """Writes a stacked detector, with copies of its members.

    A part that is trained again takes the place of the one that lies there. A file that several members link
    to is copied once.

    Args:
        directory: where it goes; made where it is missing. Members that lie in it stay as they are.
        trained: what is written.

    Raises:
        DetectorError: another directory lies where a member goes, or it can't be written.
    """
    copied: dict[str, str] = {}

    def copy(source: str, target: str) -> str:
        real = os.path.realpath(source)
        if real in copied:
            os.symlink(os.path.relpath(copied[real], os.path.dirname(target)), target)  # noqa: PTH120, PTH211 - shutil speaks in strings
        else:
            shutil.copyfile(real, target)
            copied[real] = target
        return target

    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, part in trained.parts.items():
            part.write(directory / name)
        for name, source in trained.members.items():
            target = directory / name
            if target.exists() and target.samefile(source):
                continue
            if target.exists():
                raise DetectorError(
                    f"detector: {target} is there already; delete it, or name another directory"
                )
            shutil.copytree(source, target, copy_function=copy)
        write_manifest(directory, trained.manifest)
    except (OSError, shutil.Error) as error:
        raise DetectorError(f"detector: can't write to {directory}: {error}") from None
