"""Small counts are not shown, nor what they could be worked out from.

Cell suppression as statistical offices do it (Hundepool et al. 2012, Statistical Disclosure Control, chapter
4): a small count is hidden, and where the sum that it is part of would tell it, another part is hidden too.
Each count is part of one sum at most. So in each sum that hides anything it is enough to hide two counts,
whose parts come to the minimum or more: what can be worked out is then of that many, never of fewer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator

_Path = tuple[int, ...]


class Cell(Struct, frozen=True):
    """A count, and the parts that it is the sum of, where it has any.

    Attributes:
        name: what is counted.
        count: how many; None where that is not shown.
        parts: their counts come to this one.
    """

    name: str
    count: int | None
    parts: tuple[Cell, ...] = ()


def total(name: str, *parts: Cell) -> Cell:
    """The sum of some counts, none of them hidden."""
    return Cell(name, sum(part.count or 0 for part in parts), parts)


def suppressed(cell: Cell, minimum: int) -> Cell:
    """The counts as they may be published. A count of 0 tells of nobody and is shown.

    Args:
        cell: counts, none of them hidden, each the sum of its parts.
        minimum: the smallest count that is shown.
    """
    counts = dict(_counts(cell, ()))
    hidden = {path for path, count in counts.items() if 0 < count < minimum}
    while more := _exposed(cell, (), counts, hidden, minimum):
        hidden.add(more)
    return _shown(cell, (), hidden)


def _counts(cell: Cell, path: _Path) -> Iterator[tuple[_Path, int]]:
    yield path, cell.count or 0
    for number, part in enumerate(cell.parts):
        yield from _counts(part, (*path, number))


def _exposed(
    cell: Cell, path: _Path, counts: dict[_Path, int], hidden: set[_Path], minimum: int
) -> _Path | None:
    """The next count that must be hidden for the sake of another; None where all are safe."""
    parts = [(*path, number) for number in range(len(cell.parts))]
    secret = [part for part in parts if part in hidden]
    # Of a sum that is small itself all parts but those of 0 are hidden anyway.
    if parts and (secret or path in hidden) and counts[path] >= minimum:
        unknown = len(secret) + (path in hidden)
        if not secret or unknown == 1 or sum(counts[part] for part in secret) < minimum:
            return min(
                (part for part in parts if part not in hidden and counts[part]),
                key=lambda part: (counts[part], part),
            )
    for part, inner in zip(parts, cell.parts, strict=True):
        if (more := _exposed(inner, part, counts, hidden, minimum)) is not None:
            return more
    return None


def _shown(cell: Cell, path: _Path, hidden: set[_Path]) -> Cell:
    parts = tuple(_shown(part, (*path, number), hidden) for number, part in enumerate(cell.parts))
    return Cell(cell.name, None if path in hidden else cell.count, parts)
