"""How much each text counts: neither what was gathered nor how long a text is shall be evidence."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from worker.lab.calibrating import Unseen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from worker.lab.corpus import Sample

# The fewest tokens of each class of lengths.
LENGTHS: Final = (1, 10, 20, 40, 80, 160, 320)
_NO_END: Final = 2**62


def length_classes() -> list[tuple[int, int]]:
    """Fewest and most tokens of each class of lengths."""
    return [(low, high - 1) for low, high in pairwise((*LENGTHS, _NO_END))]


def unseen_of(samples: Sequence[Sample], logits: NDArray[np.float64], tokens: NDArray[np.int64]) -> Unseen:
    """Texts with the weights of `weighed`.

    Args:
        samples: the texts.
        logits: shape (texts,).
        tokens: their lengths, shape (texts,).
    """
    return weighed(
        Unseen(
            logits=logits,
            machine=np.array([sample.is_machine for sample in samples], dtype=bool),
            families=np.array([sample.family for sample in samples], dtype=np.str_),
            tokens=tokens,
            weights=np.zeros(len(samples)),
        )
    )


def weighed(unseen: Unseen) -> Unseen:
    """Weights by which machines count as much as humans, in each family and then in each class of lengths.

    A family counts by its size: a few texts of a kind must not decide for all. A family with texts of one
    label only, and a class of lengths with such, gets no weight: nothing can be told apart there. Where no
    family has both labels, all are taken as one.
    """
    machine, families, tokens = unseen.machine, unseen.families, unseen.tokens
    both = np.intersect1d(families[machine], families[~machine])
    theirs = [families == family for family in both] or [np.ones(len(machine), bool)]
    weights = np.zeros(len(machine))
    for family in theirs:
        for label in (machine, ~machine):
            weights[family & label] = family.sum() / 2 / max(1, int((family & label).sum()))
    for low, high in length_classes():
        inside = (tokens >= low) & (tokens <= high)
        machines, humans = weights[inside & machine].sum(), weights[inside & ~machine].sum()
        half = (machines + humans) / 2
        weights[inside & machine] *= half / machines if machines and humans else 0.0
        weights[inside & ~machine] *= half / humans if machines and humans else 0.0
    return unseen._replace(weights=weights)
