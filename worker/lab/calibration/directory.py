"""A detector's directory: opened as if it had no calibration, and written with another one."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec

from worker.detector.calibration import Calibration
from worker.detector.checkpoint import MANIFEST, Manifest, read_manifest, write_manifest
from worker.detector.labels import label_order
from worker.detector.loading import load_detector
from worker.errors import DetectorError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.detector.protocol import Detector
    from worker.settings import DetectorSettings

_CONFIG = "config.json"


def manifest_of(folder: Path) -> Manifest:
    """The directory's `detector.json`, or what it would be for a transformers model without one.

    Raises:
        DetectorError: the directory holds no detector.
    """
    manifest = read_manifest(folder)
    if manifest is not None:
        return manifest
    try:
        config = msgspec.json.decode((folder / _CONFIG).read_bytes(), type=dict[str, object])
        named = msgspec.convert(config.get("id2label", {}), dict[int, str], strict=False)
    except (OSError, msgspec.MsgspecError) as error:
        raise DetectorError(
            f"detector: {folder} holds none: neither a {MANIFEST} nor a {_CONFIG} that can be read ({error})"
        ) from None
    labels = label_order(folder, named, None)
    return Manifest(format=1, kind="transformers", name=folder.resolve().name, labels=labels)


def plain_detector(folder: Path, manifest: Manifest, settings: DetectorSettings) -> Detector:
    """The detector of a directory, in whatever number format the settings name.

    A calibration holds a detector to its own format; where another is asked for, the detector is opened by
    way of a directory whose `detector.json` has none.

    Args:
        folder: the directory.
        manifest: what `manifest_of` says of it.
        settings: device, number format, token budget and windows.

    Raises:
        FlagstaffError: as `load_detector` says.
    """
    old = manifest.calibration
    if not old.fitted or manifest.kind == "linear" or settings.dtype == (old.number_format or "float32"):
        return load_detector(msgspec.structs.replace(settings, model=str(folder), revision=None))
    plain = msgspec.structs.replace(manifest, calibration=Calibration(), formats={})
    with _temporary() as beside:
        for path in folder.iterdir():
            if path.name != MANIFEST:
                (beside / path.name).symlink_to(path.resolve())
        write_manifest(beside, plain)
        return load_detector(msgspec.structs.replace(settings, model=str(beside), revision=None))


def write_beside(folder: Path, out: Path, manifest: Manifest) -> None:
    """Copies a detector's directory into a new or empty one, with another `detector.json`.

    Copied, not linked: a detector that is trained again into its own directory must not change this one.

    Raises:
        DetectorError: it can't be written. What was copied is removed again.
    """
    made = not out.exists()

    def but_its_manifest(inside: str, _: list[str]) -> list[str]:
        # The members of a stack keep theirs.
        return [MANIFEST] if Path(inside) == folder else []

    try:
        shutil.copytree(folder, out, ignore=but_its_manifest, dirs_exist_ok=True)
        write_manifest(out, manifest)
    except (OSError, shutil.Error) as error:
        if made:
            shutil.rmtree(out, ignore_errors=True)
        raise DetectorError(f"detector: can't write {out}: {error}") from None


def write_in_place(folder: Path, manifest: Manifest) -> None:
    """Puts another `detector.json` into a directory, in one step.

    Raises:
        DetectorError: it can't be written; the old one is still there.
    """
    try:
        with TemporaryDirectory(dir=folder, prefix=".detector-") as beside:
            write_manifest(Path(beside), manifest)
            (Path(beside) / MANIFEST).replace(folder / MANIFEST)
    except OSError as error:
        raise DetectorError(f"detector: can't write {folder / MANIFEST}: {error.strerror}") from None


@contextmanager
def _temporary() -> Iterator[Path]:
    try:
        made = TemporaryDirectory(prefix="flagstaff-")
    except OSError as error:
        raise DetectorError(
            f"detector: no temporary directory can be made ({error.strerror}); set TMPDIR to one that can be "
            "written to"
        ) from None
    with made as folder:
        yield Path(folder)
