"""Which texts an epoch meets, in which order: the same for a seed and an epoch, whatever was run before."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from worker.lab.fitting import balanced_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from worker.lab.corpus import Sample
    from worker.lab.encoder.recipe import Recipe


def texts_in_epoch(samples: Sequence[Sample], recipe: Recipe) -> int:
    """How many texts are drawn in an epoch."""
    return recipe.epoch_texts or len(samples)


def draw(samples: Sequence[Sample], recipe: Recipe, epoch: int) -> NDArray[np.int64]:
    """The places of the texts that an epoch meets, in order.

    Every family's humans and machines are met about as often: a text as often as its weight says, on
    average, and never less than that rounded down nor more than that rounded up (systematic resampling).
    A text that is met more than once is cut and hidden in another way each time.

    Returns:
        Shape (texts in the epoch,).
    """
    random = np.random.default_rng([recipe.seed, epoch])
    taking_part = _some_of_each_author(samples, recipe.per_author, random)
    weights = balanced_weights([samples[place] for place in taking_part])
    order = random.permutation(len(taking_part))
    ends = np.cumsum(weights[order])
    count = texts_in_epoch(samples, recipe)
    points = (np.arange(count) + random.random()) / count
    # The sum of all weights may come out a little below 1.
    met = np.minimum(np.searchsorted(ends, points, side="right"), len(order) - 1)
    drawn = taking_part[order[met]]
    random.shuffle(drawn)
    return drawn


def _some_of_each_author(
    samples: Sequence[Sample], most: int | None, random: np.random.Generator
) -> NDArray[np.int64]:
    if most is None:
        return np.arange(len(samples))
    kept: list[int] = []
    by_author: dict[str, list[int]] = defaultdict(list)
    for place, sample in enumerate(samples):
        if sample.author:
            by_author[sample.author].append(place)
        else:
            kept.append(place)
    for places in by_author.values():
        kept += random.permutation(places)[:most].tolist()
    return np.array(sorted(kept))
