"""From a directory of kind `stacked` to a detector, or one line about what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from worker.detector.checkpoint import MANIFEST, read_manifest
from worker.detector.stacked import StackedDetector
from worker.errors import DetectorError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from worker.detector.checkpoint import Manifest
    from worker.detector.protocol import Detector
    from worker.settings import DetectorSettings


def load_stacked(
    folder: Path,
    manifest: Manifest,
    settings: DetectorSettings,
    load: Callable[[DetectorSettings, Path], Detector],
) -> StackedDetector:
    """The stacked detector of a directory, with all its members.

    Args:
        folder: the directory.
        manifest: its `detector.json`, of kind `stacked`.
        settings: device, number format, token budget and windows of every member. Beside others a linear one
            runs on the CPU in its one format, whatever they say; alone they refuse what they can't do.
        load: makes the detector of a member's directory.

    Raises:
        SettingsError: the stack was calibrated in another number format, or a member refuses the settings.
        DetectorError: the directory's content can't be used, or a member's.
    """
    stack = manifest.stacked
    if stack is None:
        raise DetectorError(f"detector: {folder / MANIFEST} is of kind stacked, but has no `stacked`")
    if manifest.labels != ("human", "machine"):
        raise DetectorError(
            f"detector: {folder / MANIFEST}: a stacked detector's `labels` are human, machine in this order"
        )
    settings = _in_calibrated_format(settings, manifest)
    described = {member.folder: _described(folder, member.folder) for member in stack.members}
    plain = {
        name: _is_plain(folder / name, one, frozenset({folder.resolve()})) for name, one in described.items()
    }
    settings_of_plain = settings if all(plain.values()) else replace(settings, device="auto", dtype="auto")
    members = [
        load(settings_of_plain if plain[member.folder] else settings, folder / member.folder)
        for member in stack.members
    ]
    return StackedDetector(manifest.name, stack, members, manifest.calibration)


def _described(folder: Path, member: str) -> Manifest:
    described = read_manifest(folder / member)
    if described is None:
        raise DetectorError(
            f"detector: {folder / MANIFEST} names the member {member!r}, but {folder / member / MANIFEST} is "
            "missing; copy the whole directory again"
        )
    return described


def _is_plain(folder: Path, manifest: Manifest, above: frozenset[Path]) -> bool:
    """Whether it is linear, or a stack of nothing else; one that holds itself is refused later on."""
    if manifest.kind != "stacked" or manifest.stacked is None or folder.resolve() in above:
        return manifest.kind == "linear"
    inside = above | {folder.resolve()}
    return all(
        _is_plain(folder / member.folder, _described(folder, member.folder), inside)
        for member in manifest.stacked.members
    )


def _in_calibrated_format(settings: DetectorSettings, manifest: Manifest) -> DetectorSettings:
    """The settings with the format that the stack's calibration belongs to; as they are without one."""
    if not manifest.calibration.fitted:
        return settings
    wanted = manifest.calibration.number_format or "float32"
    if settings.dtype not in {"auto", wanted}:
        raise SettingsError(
            f"settings: detector.dtype {settings.dtype!r}: the stacked detector is calibrated in {wanted}; "
            f"set auto or {wanted}, or calibrate it in {settings.dtype}"
        )
    return replace(settings, dtype=wanted)
