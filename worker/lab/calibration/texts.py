"""The user's own texts as samples: JSON lines in the form of posts, or in that of labelled texts."""

from __future__ import annotations

import gzip
from hashlib import file_digest
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import msgspec
from msgspec import Struct

from worker.lab.corpus import CorpusError, Sample
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


def each_once(samples: Iterable[Sample]) -> list[Sample]:
    """Without repetitions: as `read_samples` of the corpus has it.

    Of several texts with the same document, label and generator the first stays; of equal texts the first
    stays, and none where their labels differ. Empty texts are left out.
    """
    by_text: dict[str, Sample] = {}
    disputed: set[str] = set()
    documents: set[tuple[str, str, str | None]] = set()
    for sample in samples:
        if sample.doc is not None:
            document = (sample.doc, sample.label, sample.generator)
            if document in documents:
                continue
            documents.add(document)
        if by_text.setdefault(sample.text, sample).label != sample.label:
            disputed.add(sample.text)
    return [sample for text, sample in by_text.items() if text and text not in disputed]


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


def read_lines(path: Path, form: type[T], what: str) -> Iterator[tuple[int, T]]:
    """The lines of a file, gzipped where its name ends in `.gz`, each with its number from 1.

    Args:
        path: the file.
        form: what a line is.
        what: the same in words.

    Raises:
        CorpusError: the file can't be read, or a line is of another form; the message names both.
    """
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


def _lines_of(paths: Iterable[Path]) -> Iterator[tuple[Path, int, Line]]:
    for path in paths:
        for number, line in read_lines(path, Line, "post or labelled text"):
            yield path, number, line
