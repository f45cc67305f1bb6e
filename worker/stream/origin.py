"""What a detector and a policy were loaded from, as far as it can be told without loading them again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec.structs import replace

if TYPE_CHECKING:
    from worker.settings import DetectorSettings, Settings

# Names of `detector.model` that are never a directory.
_BUILT_IN: Final = frozenset({"default", "constant"})


class FileState(NamedTuple):
    """A file as `stat` sees it: whoever writes to it or replaces it changes one of these."""

    path: Path
    size: int
    changed_ns: int
    inode: int


class Origin(NamedTuple):
    """Where a detector and a policy came from.

    Attributes:
        detector: the detector's settings; in the path of a model its directory's symbolic links are followed,
            so that what is loaded later, in a child process, is the same also once a link leads elsewhere.
        model_files: the files of the model's directory, by name; none where it has none on this machine.
        policy_file: the policy file, if there is one.
    """

    detector: DetectorSettings
    model_files: tuple[FileState, ...]
    policy_file: FileState | None

    def same_detector(self, other: Origin) -> bool:
        """Whether the detector would be the same, as far as a look tells."""
        return self.detector == other.detector and self.model_files == other.model_files


def origin(settings: Settings) -> Origin:
    """What the settings lead to now. What can't be looked at is left out: loading it says why."""
    detector = settings.detector
    files: tuple[FileState, ...] = ()
    if model := _model(detector.model):
        detector = replace(detector, model=str(model))
        files = _files(model if model.is_dir() else model.parent)
    policy = settings.policy.file
    return Origin(detector, files, _state(Path(policy)) if policy else None)


def _model(name: str) -> Path | None:
    """Where a model lies: a directory, or a file that others stand beside; None where it is neither."""
    if name in _BUILT_IN:
        return None
    path = Path(name)
    try:
        if path.is_dir():
            return path.resolve()
        # A link to a file is not followed: what stands beside it is found beside the link.
        return path.parent.resolve() / path.name if path.is_file() else None
    except (OSError, ValueError):
        return None


def _files(folder: Path) -> tuple[FileState, ...]:
    try:
        states = [_state(path) for path in sorted(folder.iterdir())]
    except OSError:
        return ()
    return tuple(state for state in states if state is not None)


def _state(path: Path) -> FileState | None:
    try:
        stat = path.stat()
    except (OSError, ValueError):
        return None
    return FileState(path, stat.st_size, stat.st_mtime_ns, stat.st_ino)
