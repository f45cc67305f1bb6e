"""From the settings to a detector."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from worker.detector.checkpoint import MANIFEST, read_linear, read_manifest
from worker.detector.constant import ConstantDetector
from worker.errors import DetectorError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.detector.protocol import Detector
    from worker.settings import DetectorSettings

DEFAULT_FOLDER: Final = Path(__file__).parent / "default"

_DEVICE: Final = re.compile(r"auto|cpu|cuda(:\d{1,3})?")
_HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")


def load_detector(settings: DetectorSettings) -> Detector:
    """The detector that the settings name, ready to run.

    `model` is `default` (the linear one that ships), `constant`, a directory, or the id of a repository on
    the Hugging Face hub, for which `revision` must name a commit.

    Raises:
        SettingsError: the settings name no detector, or ask it for what it can't do.
        DetectorError: there is a detector, but it can't be loaded.
    """
    _check_device(settings.device)
    if settings.model == "constant":
        _check_local(settings)
        _check_plain(settings, "constant detector")
        return ConstantDetector()
    if settings.model == "default":
        _check_local(settings)
        return _from_folder(settings, DEFAULT_FOLDER)
    folder = Path(settings.model)
    try:
        kind = "directory" if folder.is_dir() else "file" if folder.exists() else None
    except OSError as error:
        raise SettingsError(f"settings: detector.model {settings.model!r}: {error.strerror}") from None
    if kind == "directory":
        _check_local(settings)
        return _from_folder(settings, folder)
    if kind == "file":
        raise SettingsError(
            f"settings: detector.model {settings.model!r} is a file; name the directory that holds the model"
        )
    return _from_hub(settings)


def _from_folder(settings: DetectorSettings, folder: Path, name: str | None = None) -> Detector:
    manifest = read_manifest(folder)
    if manifest is not None and manifest.kind == "linear":
        _check_plain(settings, "linear detector")
        return read_linear(folder, manifest)
    if not (folder / "config.json").is_file():
        raise DetectorError(
            f"detector: {folder} holds none: neither a {MANIFEST} of kind linear (`flagstaff train` writes "
            "one) nor the config.json of a transformers model"
        )
    with _extra():
        # Imported here: torch and transformers are an extra, and take seconds to import.
        from worker.detector.pretrained import load_transformer  # noqa: PLC0415
    return load_transformer(
        folder, manifest, device=settings.device, dtype=settings.dtype, name=name or folder.resolve().name
    )


def _from_hub(settings: DetectorSettings) -> Detector:
    model, revision = settings.model, settings.revision
    if not _HUB_ID.fullmatch(model):
        raise SettingsError(
            f"settings: detector.model {model!r}: there is no such directory; give one, `default`, or a hub "
            "id `organisation/name`"
        )
    if revision is None:
        raise SettingsError(
            f"settings: detector.model {model!r}: there is no such directory, and as a hub id it needs "
            "detector.revision (FLAGSTAFF_DETECTOR__REVISION), a commit: then the model can't change unasked"
        )
    if not _COMMIT.fullmatch(revision):
        raise SettingsError(
            f"settings: detector.revision {revision!r} is no commit; give all 40 hexadecimal digits of one"
        )
    with _extra():
        # Imported here: as above.
        from worker.detector.hub import download  # noqa: PLC0415
    return _from_folder(settings, download(model, revision), name=model)


@contextmanager
def _extra() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise DetectorError(
            f"detector: a transformers model needs torch and transformers ({error}): "
            "pip install 'flagstaff[transformers]'"
        ) from None


def _check_local(settings: DetectorSettings) -> None:
    if settings.revision is not None:
        raise SettingsError(
            f"settings: detector.revision {settings.revision!r} is for a hub id, but detector.model "
            f"{settings.model!r} is on this machine; unset it"
        )


def _check_device(device: str) -> None:
    if not _DEVICE.fullmatch(device):
        raise SettingsError(
            f"settings: detector.device {device!r} is unknown; it is auto, cpu, cuda or cuda:N (cuda:1)"
        )


def _check_plain(settings: DetectorSettings, what: str) -> None:
    if settings.device not in {"auto", "cpu"}:
        raise SettingsError(
            f"settings: detector.device {settings.device!r}: the {what} runs on the CPU only; set auto or cpu"
        )
    if settings.dtype not in {"auto", "float32"}:
        raise SettingsError(
            f"settings: detector.dtype {settings.dtype!r}: the {what} has one format; set auto or float32"
        )
