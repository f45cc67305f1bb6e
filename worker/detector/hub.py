"""A model of the Hugging Face hub, at one commit, as a directory."""

from __future__ import annotations

import hashlib
import logging
import re
from fnmatch import fnmatch
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Final

from huggingface_hub import snapshot_download
from huggingface_hub.utils.tqdm import disable_progress_bars

from worker.errors import DetectorError

if TYPE_CHECKING:
    from collections.abc import Sequence

# Neither code nor pickles: what can be executed is not fetched.
MODEL_FILES: Final = ("*.json", "*.txt", "*.model", "*.codes", "*.safetensors")

# How the hub calls a file's content: by the sha256 of a large one, by git's own id of a small one.
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_GIT_ID: Final = re.compile(r"[0-9a-f]{40}")


def download(model: str, revision: str, files: Sequence[str] = MODEL_FILES) -> Path:
    """Fetches what is not in the hub's cache on this machine yet; returns the directory.

    The cache keeps each file under what the hub called its content when it was fetched. Every file asked for
    is read and checked against that, whenever it was fetched: one that has changed since is refused.

    Args:
        model: `organisation/name`.
        revision: the commit, 40 hexadecimal digits.
        files: which to fetch, as patterns of file names.

    Raises:
        DetectorError: the hub does not answer, or has no such model or commit, or a file is another than
            the hub's.
    """
    disable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        folder = Path(snapshot_download(model, revision=revision, allow_patterns=list(files)))
    except Exception as error:  # noqa: BLE001 - its own errors, those of its HTTP client and of the system
        said = shorten(f"{type(error).__name__}: {error}", 200, placeholder="...")
        raise DetectorError(
            f"detector: can't get {model} at {revision} from the hub ({said}); check both names and the "
            "connection, or fetch it elsewhere and name its directory"
        ) from None
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_dir() and any(fnmatch(name, pattern) for pattern in files):
            _check(path, f"detector: {model} at {revision}: {name}")
    return folder


def _check(path: Path, what: str) -> None:
    try:
        # The first link alone: what the cache keeps under that name may be a link itself.
        stated = path.readlink().name
    except OSError:
        raise DetectorError(
            f"{what} is not kept under its digest in the hub's cache, so that it can't be checked; delete "
            f"{path} and start again, or name its directory instead of the hub id"
        ) from None
    try:
        found = _digest(path, stated)
    except OSError as error:
        raise DetectorError(f"{what} can't be read from the hub's cache ({path}): {error.strerror}") from None
    if found != stated:
        raise DetectorError(
            f"{what} is not what the hub has at this commit: it was changed or cut short in the cache; "
            f"delete {path.resolve()} and start again"
        )


def _digest(path: Path, stated: str) -> str | None:
    """The file's digest of the kind that is stated; None where it is no digest that the hub uses."""
    if _SHA256.fullmatch(stated):
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    if _GIT_ID.fullmatch(stated):
        content = path.read_bytes()
        # git's choice. The hub names small files by nothing better.
        return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    return None
