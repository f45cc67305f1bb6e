"""The user's own texts as samples: JSON lines in the form of posts, or in that of labelled texts."""

from __future__ import annotations

from hashlib import file_digest
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from msgspec import Struct

from worker.lab.corpus import Sample
from worker.lab.lines import CorpusError, read_lines
from worker.text import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

POSTS: Final = "posts"
T = TypeVar("T")


class Place(Struct, frozen=True):
    """Where a post was read."""

    topic: str
    partition: int
    offset: int


class Account(Struct, frozen=True):
    """A post's author, of whom only the id matters here."""

    id: str


class Line(Struct, frozen=True):
    """A post or a labelled text. Other fields are ignored.

    Attributes:
        text: as it was posted.
        id: of the post.
        label: who wrote it.
        source: of a labelled text, where it was gathered; of a post, where it was read.
        author: name or object.
        lang: as stated.
        doc: as `Sample` has it.
        generator: as `Sample` has it.
    """

    text: str
    id: str | None = None
    label: Literal["human", "machine"] | None = None
    source: str | Place | None = None
    author: str | Account | None = None
    lang: str | None = None
    doc: str | None = None
    generator: str | None = None

    @property
    def author_id(self) -> str | None:
        """The author's name, whatever form the line has."""
        return self.author.id if isinstance(self.author, Account) else self.author


def labelled(paths: Iterable[Path]) -> Iterator[Sample]:
    """The samples of files whose lines all have a label.

    Raises:
        CorpusError: a file can't be read, or a line is none; the message names both.
    """
    for path, number, line in _lines_of(paths):
        if line.label is None:
            raise CorpusError(
                f"{path}:{number}: no `label`; it is human or machine (posts of humans alone: --human)"
            )
        yield sample_of(line, line.label)


def human(paths: Iterable[Path]) -> Iterator[Sample]:
    """The samples of files with human texts.

    Raises:
        CorpusError: as above, or a line is labelled as a machine's.
    """
    for path, number, line in _lines_of(paths):
        if line.label == "machine":
            raise CorpusError(f"{path}:{number}: `label` is machine, and --human is for texts of humans")
        yield sample_of(line, "human")


def sample_of(line: Line, label: Literal["human", "machine"], source: str = POSTS) -> Sample:
    """A line as a sample; `source` stands for that of a line which has none."""
    return Sample(
        text=canonical(line.text),
        label=label,
        source=line.source if isinstance(line.source, str) else source,
        author=line.author_id,
        lang=line.lang,
        doc=line.doc,
        generator=line.generator,
    )


def file_digests(paths: Iterable[Path]) -> dict[str, str]:
    """The sha256 of files as they are stored, by their names.

    Raises:
        CorpusError: one can't be read.
    """
    digests: dict[str, str] = {}
    for path in paths:
        try:
            with path.open("rb") as file:
                digests[path.name] = file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise CorpusError(f"can't read {path}: {error.strerror}") from None
    return digests


def _lines_of(paths: Iterable[Path]) -> Iterator[tuple[Path, int, Line]]:
    for path in paths:
        for number, line in read_lines(path, Line, "post or labelled text"):
            yield path, number, line
