"""JSON lines, gzipped or not, read in one form and with one kind of message."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from worker.errors import FlagstaffError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

T = TypeVar("T")


class CorpusError(FlagstaffError):
    """The texts can't be read, or are not enough to work with."""


def read_lines(path: Path, form: type[T], what: str) -> Iterator[tuple[int, T]]:
    """The lines of a file, gzipped where its name ends in `.gz`, each with its number from 1.

    Args:
        path: the file.
        form: what a line is.
        what: the same in words.

    Raises:
        CorpusError: the file can't be read, or a line is of another form; the message names both.
    """
    # The form is only known at run time.
    decoder: Any = msgspec.json.Decoder(form)
    number = 0
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for line in file:
                number += 1
                if line.strip():
                    yield number, decoder.decode(line)
    except msgspec.MsgspecError as error:
        raise CorpusError(f"{path}:{number}: no {what}: {error}") from None
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise CorpusError(f"can't read {path}: {error}") from None
