"""Where a language model's files are, and what it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from worker.detector.loading import OPENAI_SUFFIX, locate
from worker.errors import SettingsError

GGUF: Final = ".gguf"


class Location(NamedTuple):
    """A directory or a GGUF file, and a short name for people."""

    path: Path
    name: str


def locate_model(model: str, revision: str | None) -> Location:
    """What `--model` and `--revision` name; what is on the hub is fetched.

    Raises:
        SettingsError: they name nothing, or have a commit too many or too few.
        DetectorError: the hub does not give it.
    """
    path = Path(model)
    if path.suffix == GGUF and path.is_file():
        if revision is not None:
            raise SettingsError(f"generate: --model {model!r} is on this machine; leave --revision out")
        return Location(path, path.stem)
    path = locate(model, revision, asked="generate: --model", pin="--revision")
    if path.suffix == OPENAI_SUFFIX and path.is_file():
        raise SettingsError(
            f"generate: --model {model!r} is no language model; name a directory that transformers wrote, a "
            f"{GGUF} file or a hub id"
        )
    return Location(path, model if revision is not None else path.resolve().name)
