"""A card as Markdown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from worker.lab.card.document import Bullets, Paragraph, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.lab.card.document import Block, Card

# What Markdown or the HTML inside it would read otherwise, anywhere in a line.
_SPECIAL: Final = re.compile(r"([\\`*_\[\]<>|#~&!])")
# At the beginning of a line: a list, a quotation, a rule.
_BEGINS: Final = re.compile(r"^(\d+)([.)])(?=\s)|^([+=-])")


def markdown(card: Card) -> str:
    """The card; strings from data can't become markup."""
    return "\n".join(_lines(card))


def _lines(card: Card) -> Iterator[str]:
    yield f"# {_escaped(card.title)}"
    yield ""
    for limit in card.limits:
        yield f"> - {_escaped(limit)}"
    for section in card.sections:
        yield ""
        yield f"## {_escaped(section.heading)}"
        for block in section.blocks:
            yield ""
            yield from _block(block)
    yield ""


def _block(block: Block) -> Iterator[str]:
    match block:
        case Paragraph(text):
            yield _escaped(text)
        case Bullets(points):
            for point in points:
                yield f"- {_escaped(point)}"
        case Table(caption, head, rows, words):
            yield _escaped(caption)
            yield ""
            yield _row(head)
            yield _row(["---" if at in words else "--:" for at in range(len(head))], plain=True)
            for row in rows:
                yield _row(row)


def _row(cells: Sequence[str], *, plain: bool = False) -> str:
    return f"| {' | '.join(cells if plain else map(_inside, cells))} |"


def _escaped(text: str) -> str:
    return _BEGINS.sub(r"\1\\\2\3", _inside(text))


def _inside(text: str) -> str:
    """Escaped where a line has begun already."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
