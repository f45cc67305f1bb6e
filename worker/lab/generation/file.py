"""The file that texts are written to, line by line, and continued after an interruption."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Self

import msgspec

from worker.lab.generation.lines import GeneratedText, GenerationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker.lab.generation.lines import Parameters

_TEXTS = msgspec.json.Decoder(GeneratedText)


class GeneratedFile:
    """A JSON-lines file that is open for its next line. One process at a time has it.

    Args:
        path: the file; it is made where it is missing. A line that was cut at its end is taken away.
        parameters: those of the texts to come.

    Raises:
        GenerationError: it can't be read or written, another process writes to it, or it holds anything else
            than texts with these parameters, from the first on.
    """

    def __init__(self, path: Path, parameters: Parameters) -> None:
        if path.suffix == ".gz":
            raise GenerationError(
                f"generate: {path}: a gzipped file can't be continued where it was cut; name one "
                "without .gz and gzip it once it is done"
            )
        with _plain_errors(path):
            # Neither "w", which would empty it, nor "a", which makes it impossible to cut.
            self._file: BinaryIO = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0)
        self._path = path
        try:
            with _plain_errors(path):
                _lock(self._file, path)
                self.lines = self._resume(parameters)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, text: GeneratedText) -> None:
        """Adds a line.

        Raises:
            GenerationError: it can't be written.
        """
        with _plain_errors(self._path):
            rest = memoryview(encoded(text))
            while rest:
                rest = rest[self._file.write(rest) :]

    def _resume(self, parameters: Parameters) -> int:
        whole = lines = 0
        with self._path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                _check(line, self._path, lines, parameters)
                whole += len(line)
                lines += 1
        self._file.truncate(whole)
        self._file.seek(whole)
        return lines


def encoded(text: GeneratedText) -> bytes:
    """The line of a text."""
    return msgspec.json.encode(text) + b"\n"


def read_generated(path: Path) -> Iterator[GeneratedText]:
    """The texts of a file that `GeneratedFile` wrote.

    Raises:
        GenerationError: it can't be read, or holds something else.
    """
    with _plain_errors(path), path.open("rb") as file:
        for number, line in enumerate(file):
            yield _text(line, path, number)


def _lock(file: BinaryIO, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise GenerationError(
            f"generate: another process is writing to {path}; name a file for each"
        ) from None


def _check(line: bytes, path: Path, number: int, parameters: Parameters) -> None:
    generation = _text(line, path, number).generation
    if generation.parameters != parameters:
        theirs, ours = msgspec.to_builtins(generation.parameters), msgspec.to_builtins(parameters)
        differ = ", ".join(
            f"{name} {theirs[name]}, not {ours[name]}" for name in ours if theirs[name] != ours[name]
        )
        raise GenerationError(
            f"generate: {path} was made with other parameters ({differ}); name a new file, or take those"
        )
    if generation.index != number:
        raise GenerationError(
            f"generate: {path}:{number + 1}: text {generation.index} stands where text {number} belongs; "
            "name a new file"
        )


def _text(line: bytes, path: Path, number: int) -> GeneratedText:
    try:
        return _TEXTS.decode(line)
    except msgspec.MsgspecError as error:
        raise GenerationError(
            f"generate: {path}:{number + 1} is no text that `flagstaff generate` wrote ({error}); "
            "name a new file"
        ) from None


@contextmanager
def _plain_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise GenerationError(f"generate: can't write to {path}: {error.strerror}") from None
