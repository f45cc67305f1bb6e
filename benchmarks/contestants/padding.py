"""Batches of posts of about the same length, padded to the longest of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchmarks.engine.words import PADDING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from benchmarks.engine.workload import Workload

BATCH: Final = 32


class Padded(NamedTuple):
    """One batch.

    Attributes:
        places: where its posts stand in the workload.
        ids: token ids, shape (posts, tokens), int64.
        mask: 1 for a token and 0 for padding, the same shape and type.
    """

    places: list[int]
    ids: NDArray[np.int64]
    mask: NDArray[np.int64]


def sorted_batches(posts: Workload, size: int = BATCH) -> Iterator[Padded]:
    """All posts, the longest first, in batches of `size`."""
    order = sorted(range(len(posts.ids)), key=lambda place: -len(posts.ids[place]))
    for begin in range(0, len(order), size):
        places = order[begin : begin + size]
        ids = np.full((len(places), len(posts.ids[places[0]])), PADDING, dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, place in enumerate(places):
            ids[row, : len(posts.ids[place])] = posts.ids[place]
            mask[row, : len(posts.ids[place])] = 1
        yield Padded(places, ids, mask)
