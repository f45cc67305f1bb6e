"""The detectors that are to be stacked: their names, themselves, and what they learned from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.detector.checkpoint import MANIFEST, Manifest, read_manifest
from worker.detector.loading import load_detector
from worker.errors import DetectorError
from worker.lab.evaluation.learned import learned_from
from worker.settings import DetectorSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from worker.detector.calibration import NumberFormat
    from worker.detector.protocol import Detector
    from worker.lab.corpus import Sample


def named_members(folders: Sequence[Path], taken: Sequence[str] = ()) -> dict[str, Path]:
    """Each directory by the name it gets inside the stack: its own, with a number where two have the same.

    Args:
        folders: the directories.
        taken: names of members that have no directory yet.

    Raises:
        DetectorError: there are no members at all.
    """
    if not folders and not taken:
        raise DetectorError("detector: a stack needs members; name the directory of at least one")
    named: dict[str, Path] = {}
    for folder in folders:
        own = folder.resolve().name
        count = 1
        while (name := own if count == 1 else f"{own}-{count}") in named or name in taken:
            count += 1
        named[name] = folder
    return named


def load_member(folder: Path, number_format: NumberFormat) -> Detector:
    """A member's detector on the CPU; a linear one has a number format of its own.

    Raises:
        DetectorError: it has no `detector.json`, or can't be loaded.
        SettingsError: it does not run in this format.
    """
    plain = _described(folder).kind == "linear"
    dtype = "auto" if plain else number_format
    return load_detector(DetectorSettings(model=str(folder), device="cpu", dtype=dtype))


def _described(folder: Path) -> Manifest:
    manifest = read_manifest(folder)
    if manifest is None:
        raise DetectorError(
            f"detector: {folder} can't be a member: it has no {MANIFEST}; `flagstaff train` and `flagstaff "
            "convert` write one"
        )
    return manifest


def unseen_by_members(
    samples: Sequence[Sample], members: dict[str, Path], report: Callable[[str], None]
) -> list[Sample]:
    """The samples without those that a member learned from, as far as its provenance tells.

    Args:
        samples: the texts.
        members: their directories by name.
        report: told how many are left out, and of whom nothing can be told.

    Raises:
        DetectorError: a member has no `detector.json`, or a broken one.
    """
    left = list(samples)
    for name, folder in members.items():
        manifest = _described(folder)
        if manifest.kind == "zero-shot":
            continue
        learned = learned_from(samples, manifest.provenance)
        fresh = [one for one in left if not learned.has(one)]
        if fresh:
            report(f"{len(left) - len(fresh)} texts that {name} learned from are left out")
            left = fresh
        else:
            report(
                f"{name} does not tell which of these texts it learned from, if any; if it did, its word "
                "weighs too much: give texts that it has not seen"
            )
    return left
