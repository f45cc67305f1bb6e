"""Output files: written beside their place, digested as they grow, put in their place once they are whole."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Self

from msgspec import Struct

if TYPE_CHECKING:
    from pathlib import Path


class Sealed(Struct, frozen=True, kw_only=True):
    """A file as the manifest names it; `lines`: rows, where it is Parquet."""

    bytes: int
    lines: int
    sha256: str


def sealed_file(path: Path) -> Sealed:
    """A file that is whole already, as a manifest names it."""
    content = path.read_bytes()
    return Sealed(bytes=len(content), lines=content.count(b"\n"), sha256=sha256(content).hexdigest())


class Output:
    """A file of lines.

    Args:
        work: where it is written.
        name: its name, there and in its place.
    """

    def __init__(self, work: Path, name: str) -> None:
        self.name = name
        self._path = work / name
        self._file = self._path.open("wb")
        self._digest = sha256()
        self._bytes = self._lines = 0

    def write(self, line: bytes) -> None:
        """One line more; it holds no line break."""
        ended = line + b"\n"
        self._file.write(ended)
        self._digest.update(ended)
        self._bytes += len(ended)
        self._lines += 1

    def seal(self) -> Sealed:
        """Closes it; nothing may be written any more."""
        self._file.close()
        return Sealed(bytes=self._bytes, lines=self._lines, sha256=self._digest.hexdigest())

    def close(self) -> None:
        """Closes it, whole or not."""
        self._file.close()

    def publish(self, folder: Path) -> None:
        """Puts it in its place."""
        self._path.replace(folder / self.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
