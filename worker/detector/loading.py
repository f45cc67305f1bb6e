"""From the settings to a detector."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from worker.detector.checkpoint import MANIFEST, Manifest, read_linear, read_manifest
from worker.detector.constant import ConstantDetector
from worker.detector.stacked_loading import load_stacked
from worker.errors import DetectorError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.detector.protocol import Detector
    from worker.settings import DetectorSettings

DEFAULT_FOLDER: Final = Path(__file__).parent / "default"
OPENAI_SUFFIX: Final = ".pt"

# What messages call the two settings.
_MODEL: Final = "settings: detector.model"
_REVISION: Final = "detector.revision (FLAGSTAFF_DETECTOR__REVISION)"

_DEVICE: Final = re.compile(r"auto|cpu|cuda(:\d{1,3})?")
_HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")


def load_detector(settings: DetectorSettings) -> Detector:
    """The detector that the settings name, ready to run.

    `model` is `default` (the one that ships), `constant`, a directory, OpenAI's `.pt` file with a
    tokenizer beside it, or the id of a repository on the Hugging Face hub, for which `revision` must name a
    commit.

    Raises:
        SettingsError: the settings name no detector, or ask it for what it can't do.
        DetectorError: there is a detector, but it can't be loaded.
    """
    _check_device(settings.device)
    if settings.model in {"constant", "default"}:
        if settings.revision is not None:
            raise _not_pinned(settings.model, _MODEL, _REVISION)
        if settings.model == "default":
            return _from_folder(settings, DEFAULT_FOLDER)
        _check_plain(settings, "constant detector")
        return ConstantDetector()
    path = locate(settings.model, settings.revision, asked=_MODEL, pin=_REVISION)
    if path.is_file():
        return _from_openai(settings, path)
    return _from_folder(settings, path, name=settings.model if settings.revision is not None else None)


def locate(
    model: str, revision: str | None, *, asked: str, pin: str, files: Sequence[str] | None = None
) -> Path:
    """The directory, or OpenAI's `.pt` file, that a name stands for; what is on the hub is fetched.

    Args:
        model: a directory, a file, or a hub id.
        revision: the commit of a hub id.
        asked: what messages call the place where the user named the model.
        pin: what they call the place where the user names the commit.
        files: which files of a hub id are fetched, as patterns of names; None for all that a model needs.

    Raises:
        SettingsError: it stands for nothing, or has a commit too many or too few.
        DetectorError: the hub does not give it.
    """
    path = Path(model)
    try:
        exists, is_file = path.exists(), path.is_file()
    except OSError as error:
        raise SettingsError(f"{asked} {model!r}: {error.strerror}") from None
    if not exists:
        return _from_hub(model, revision, asked=asked, pin=pin, files=files)
    if is_file and path.suffix != OPENAI_SUFFIX:
        raise SettingsError(
            f"{asked} {model!r} is a file; name the directory that holds the model (only OpenAI's is a file, "
            f"which ends in {OPENAI_SUFFIX})"
        )
    if revision is not None:
        raise _not_pinned(model, asked, pin)
    return path


def _from_folder(
    settings: DetectorSettings, folder: Path, name: str | None = None, above: frozenset[Path] = frozenset()
) -> Detector:
    manifest = read_manifest(folder)
    if manifest is not None and manifest.kind == "linear":
        _check_plain(settings, "linear detector")
        return read_linear(folder, manifest)
    if manifest is not None and manifest.kind == "adapter":
        return _from_adapter(settings, folder, manifest)
    if manifest is not None and manifest.kind == "zero-shot":
        return _from_language_model(settings, folder, manifest)
    if manifest is not None and manifest.kind == "stacked":
        return _from_members(settings, folder, manifest, above)
    if not (folder / "config.json").is_file():
        raise DetectorError(
            f"detector: {folder} holds none: neither a {MANIFEST} of kind linear, adapter, zero-shot or "
            "stacked (`flagstaff train` writes one) nor the config.json of a transformers model"
        )
    with _extra():
        # Imported here: torch and transformers are an extra, and take seconds to import.
        from worker.detector.pretrained import load_transformer  # noqa: PLC0415
    return load_transformer(folder, manifest, settings, name=name or folder.resolve().name)


def _from_openai(settings: DetectorSettings, file: Path) -> Detector:
    """By way of a directory that is gone once it is loaded; `flagstaff convert` makes one that stays."""
    with _extra():
        # Imported here: as above.
        from worker.detector.conversion import open_openai, write_directory  # noqa: PLC0415
        from worker.detector.pretrained import load_transformer  # noqa: PLC0415
    checkpoint = open_openai(file)
    manifest = Manifest(format=1, kind="transformers", name=file.stem, labels=checkpoint.labels)
    with _temporary() as folder:
        write_directory(folder, checkpoint, manifest)
        del checkpoint
        return load_transformer(folder, manifest, settings, name=manifest.name)


def _from_adapter(settings: DetectorSettings, folder: Path, manifest: Manifest) -> Detector:
    """As above: merged into the encoder that it belongs to."""
    with _extra():
        # Imported here: as above.
        from worker.detector.adapter import write_merged  # noqa: PLC0415
        from worker.detector.pretrained import load_transformer  # noqa: PLC0415
    with _temporary() as merged:
        write_merged(folder, manifest, merged)
        return load_transformer(merged, manifest, settings, name=manifest.name)


def _from_language_model(settings: DetectorSettings, folder: Path, manifest: Manifest) -> Detector:
    with _extra():
        # Imported here: as above.
        from worker.detector.zero_shot_loading import load_zero_shot  # noqa: PLC0415
    return load_zero_shot(folder, manifest, settings)


def _from_members(
    settings: DetectorSettings, folder: Path, manifest: Manifest, above: frozenset[Path]
) -> Detector:
    """A stack of detectors; `above` are the directories that it is a member of, in some depth."""
    within = above | {folder.resolve()}

    def load(own: DetectorSettings, member: Path) -> Detector:
        if member.resolve() in within:
            raise DetectorError(f"detector: {folder / MANIFEST}: {member} is a member of itself; correct it")
        return _from_folder(own, member, above=within)

    return load_stacked(folder, manifest, settings, load)


@contextmanager
def _temporary() -> Iterator[Path]:
    try:
        made = TemporaryDirectory(prefix="flagstaff-")
    except OSError as error:
        raise DetectorError(
            f"detector: no temporary directory can be made ({error.strerror}); set TMPDIR to one that can be "
            "written to, or make a directory that stays with `flagstaff convert`"
        ) from None
    with made as folder:
        yield Path(folder)


def _from_hub(model: str, revision: str | None, *, asked: str, pin: str, files: Sequence[str] | None) -> Path:
    if not _HUB_ID.fullmatch(model):
        raise SettingsError(
            f"{asked} {model!r}: there is no such directory; give one, or a hub id `organisation/name`"
        )
    if revision is None:
        raise SettingsError(
            f"{asked} {model!r}: there is no such directory, and as a hub id it needs {pin}, a commit: then "
            "the model can't change unasked"
        )
    if not _COMMIT.fullmatch(revision):
        raise SettingsError(
            f"{asked} {model!r}: {pin} {revision!r} is no commit; give all 40 hexadecimal digits of one"
        )
    with _extra():
        # Imported here: as above.
        from worker.detector.hub import MODEL_FILES, download  # noqa: PLC0415
    folder = download(model, revision, MODEL_FILES if files is None else files)
    if files is None and not any(folder.glob("*.safetensors")):
        raise DetectorError(
            f"detector: {model} at {revision} has no safetensors, and pickles are not fetched; fetch it "
            "yourself and make its directory one of safetensors with `flagstaff convert`"
        )
    return folder


@contextmanager
def _extra() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise DetectorError(
            f"detector: a transformers model needs torch and transformers ({error}): "
            "pip install 'flagstaff[transformers]'"
        ) from None


def _not_pinned(model: str, asked: str, pin: str) -> SettingsError:
    return SettingsError(f"{asked} {model!r} is on this machine, and {pin} is for a hub id; unset it")


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
