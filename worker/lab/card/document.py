"""A card as sections of paragraphs, lists and tables, whatever it is shown as. All strings are plain text."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias


class Paragraph(NamedTuple):
    """Sentences."""

    text: str


class Bullets(NamedTuple):
    """A list of points."""

    points: tuple[str, ...]


class Table(NamedTuple):
    """A table.

    Attributes:
        caption: what it shows.
        head: of its columns.
        rows: as many cells each; the first names the row.
        words: which columns hold words, from 0; the others hold figures.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: tuple[int, ...] = (0,)


Block: TypeAlias = Paragraph | Bullets | Table


class Section(NamedTuple):
    """A part with a heading."""

    heading: str
    blocks: tuple[Block, ...]


class Card(NamedTuple):
    """A card.

    Attributes:
        title: of the whole.
        limits: what the reader has to know before all else.
        sections: the rest.
    """

    title: str
    limits: tuple[str, ...]
    sections: tuple[Section, ...]
