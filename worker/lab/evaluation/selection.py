"""Which texts are measured together."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from worker.lab.corpus import Sample
    from worker.lab.evaluation.learned import Learned
    from worker.lab.evaluation.report import Dimension
    from worker.lab.evaluation.scored import Scored

NOT_STATED: Final = "not stated"
# The fewest tokens of each class of lengths.
_LENGTHS: Final = (1, 10, 20, 40, 80, 160, 320)
_NO_END: Final = 2**62


class Selection(NamedTuple):
    """Texts that are alike in one regard.

    Attributes:
        dimension: in which regard.
        name: how they are alike.
        inside: shape (texts,): which they are.
        against_family: whether a part of a family's machine texts stands against all its human texts, so that
            how many there are of either says nothing.
    """

    dimension: Dimension
    name: str
    inside: NDArray[np.bool_]
    against_family: bool = False


def selections(scored: Scored, learned: Learned | None) -> Iterator[Selection]:
    """All texts first, then those that are alike in each regard, by name.

    Args:
        scored: the texts.
        learned: what the detector learned from; None where that is not known.
    """
    samples = scored.samples
    yield Selection("all", "all texts", np.ones(len(samples), bool))
    families = _labels([sample.family for sample in samples])
    yield from _alike("family", families)
    yield from _of_family("generator", scored, families, [sample.generator for sample in samples])
    yield from _of_family("sampling", scored, families, [sample.sampling for sample in samples])
    yield from _of_family("source", scored, families, [sample.source for sample in samples])
    yield from _alike("domain", _labels([sample.domain for sample in samples]))
    yield from _alike("language", _labels([_language(sample) for sample in samples]))
    for low, high in pairwise((*_LENGTHS, _NO_END)):
        inside = (scored.tokens >= low) & (scored.tokens < high)
        if inside.any():
            yield Selection("length", _length_name(low, high), inside)
    if learned is not None:
        known = _labels([_familiarity(sample, learned) for sample in samples])
        yield from _alike("author", known)


def _alike(dimension: Dimension, labels: NDArray[np.str_]) -> Iterator[Selection]:
    for label in np.unique(labels):
        yield Selection(dimension, str(label), labels == label)


def _of_family(
    dimension: Dimension, scored: Scored, families: NDArray[np.str_], values: Sequence[str | None]
) -> Iterator[Selection]:
    """A family's machine texts with each value, against all its human texts."""
    labels = _labels(values)
    for family in np.unique(families):
        theirs = families == family
        for label in np.unique(labels[theirs & scored.machine]):
            # A source is named with its family already.
            name = str(label) if dimension == "source" else f"{family}: {label}"
            inside = theirs & (~scored.machine | (labels == label))
            yield Selection(dimension, name, inside, against_family=True)
        if dimension == "source":
            for label in np.unique(labels[theirs & ~scored.machine]):
                yield Selection(
                    dimension, f"{label}, humans alone", theirs & ~scored.machine & (labels == label)
                )


def _labels(values: Sequence[str | None]) -> NDArray[np.str_]:
    return np.array([value or NOT_STATED for value in values], dtype=np.str_)


def _language(sample: Sample) -> str | None:
    return sample.lang and sample.lang.split("-")[0].lower()


def _familiarity(sample: Sample, learned: Learned) -> str:
    if sample.author is None:
        return "no author"
    return "seen" if sample.author in learned.authors else "unseen"


def _length_name(low: int, high: int) -> str:
    return f"{low} tokens and more" if high == _NO_END else f"{low} to {high - 1} tokens"
