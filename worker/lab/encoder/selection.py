"""Which labelled texts an encoder learns from, which choose its best weights, and which it never meets."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

from worker.lab.lines import CorpusError
from worker.lab.splits import hold_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.lab.corpus import Sample
    from worker.lab.encoder.recipe import Recipe

_FEWEST: Final = 10


class Selection(NamedTuple):
    """The texts by what becomes of them. No author and no document is in two of the three.

    Attributes:
        training: learned from.
        validation: they choose the best weights.
        held_out: they take no part.
    """

    training: list[Sample]
    validation: list[Sample]
    held_out: list[Sample]


def select(samples: Sequence[Sample], recipe: Recipe) -> Selection:
    """Shares the texts out as a recipe has it.

    Raises:
        CorpusError: a filter names what is not there, or too few human or machine texts are left.
    """
    rest, held_out = hold_out(_filtered(samples, recipe), recipe.hold_out, recipe.seed)
    # With the first split's seed the texts without an author would all be on one side.
    training, validation = hold_out(rest, recipe.validation, (recipe.seed + 1) % 2**32)
    _require_both(training, "to learn from")
    _require_both(validation, "to validate on")
    return Selection(training, _drawn(validation, recipe.validation_texts, recipe.seed), held_out)


def _filtered(samples: Sequence[Sample], recipe: Recipe) -> list[Sample]:
    _check_known(
        "--source", recipe.sources, {one.source for one in samples} | {one.family for one in samples}
    )
    _check_known("--generator", recipe.generators, {one.generator for one in samples})
    _check_known("--sampling-method", recipe.sampling_methods, {one.sampling for one in samples})
    return [one for one in samples if _wanted(one, recipe)]


def _wanted(sample: Sample, recipe: Recipe) -> bool:
    if recipe.sources and not {sample.source, sample.family} & set(recipe.sources):
        return False
    if not sample.is_machine:
        return True
    return (not recipe.generators or sample.generator in recipe.generators) and (
        not recipe.sampling_methods or sample.sampling in recipe.sampling_methods
    )


def _check_known(option: str, wanted: Sequence[str], known: set[str | None] | set[str]) -> None:
    if unknown := [one for one in wanted if one not in known]:
        there = ", ".join(sorted(repr(one) for one in known if one is not None)) or "none is stated"
        raise CorpusError(f"train: {option} {unknown[0]!r} is not in the data, which has: {there}")


def _drawn(samples: list[Sample], most: int, seed: int) -> list[Sample]:
    """At most so many, each family's humans and machines alike, as far as they go."""
    cells: dict[tuple[str, str], list[Sample]] = {}
    for one in samples:
        cells.setdefault((one.family, one.label), []).append(one)
    random = Random(seed)  # noqa: S311 - it draws texts, it guards nothing
    for cell in cells.values():
        random.shuffle(cell)
    kept: list[Sample] = []
    left = most
    for place, cell in enumerate(sorted(cells.values(), key=len)):
        taken = cell[: left // (len(cells) - place)]
        left -= len(taken)
        kept += taken
    return kept


def _require_both(samples: Sequence[Sample], purpose: str) -> None:
    machines = sum(one.is_machine for one in samples)
    if min(machines, len(samples) - machines) < _FEWEST:
        raise CorpusError(
            f"train: {len(samples) - machines} human and {machines} machine texts are {purpose}: at least "
            f"{_FEWEST} of each are needed, from more than one author or document"
        )
