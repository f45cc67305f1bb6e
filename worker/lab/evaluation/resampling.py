"""A bootstrap of whole authors and documents."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from worker.lab.evaluation.figures import Estimate
from worker.lab.intervals import estimate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# From how often each text counts, shape (draws, texts), to a figure for each draw.
Statistic: TypeAlias = Callable[[NDArray[np.float64]], NDArray[np.float64]]

FEWEST_CLUSTERS: Final = 5
# Weights held at once; more of them gain no speed.
_AT_ONCE: Final = 2_000_000


class Resampling:
    """Draws whole authors or documents, since texts of one are no independent evidence.

    Clusters are drawn with replacement within their stratum: as many of each kind of source, with texts of
    humans, of machines or of both, as there are. Pairs of a human's and a machine's text of one document stay
    together.

    Args:
        clusters: what each text belongs to.
        families: how each text was gathered.
        machine: shape (texts,): whether a machine wrote it.
        draws: how many.
        seed: of the draws; the same texts and seed give the same draws.

    Attributes:
        texts: how many there are.
        enough: whether there are five clusters of each label; draws from fewer tell nothing.
    """

    def __init__(
        self,
        clusters: Sequence[str],
        families: Sequence[str],
        machine: NDArray[np.bool_],
        *,
        draws: int,
        seed: int,
    ) -> None:
        named = [f"{family}\0{cluster}" for family, cluster in zip(families, clusters, strict=True)]
        names, self._cluster_of = np.unique(named, return_inverse=True)
        holds = np.zeros((len(names), 2), bool)
        holds[self._cluster_of, machine.astype(int)] = True
        strata = [
            f"{name.partition(chr(0))[0]}\0{human}{theirs}"
            for name, (human, theirs) in zip(names, holds, strict=True)
        ]
        _, stratum_of = np.unique(strata, return_inverse=True)
        self.texts = len(machine)
        # Of humans, and of machines.
        self.enough = bool((holds.sum(axis=0) >= FEWEST_CLUSTERS).all())
        self._strata = [np.flatnonzero(stratum_of == one) for one in range(stratum_of.max(initial=-1) + 1)]
        self._draws = draws
        self._seed = seed

    def __iter__(self) -> Iterator[NDArray[np.float64]]:
        """How often each text was drawn, some draws at a time: shape (some, texts)."""
        random = np.random.default_rng(self._seed)
        at_once = max(1, _AT_ONCE // max(1, self.texts))
        for begin in range(0, self._draws, at_once):
            some = min(at_once, self._draws - begin)
            times = np.zeros((some, sum(map(len, self._strata))))
            for clusters in self._strata:
                size = len(clusters)
                times[:, clusters] = random.multinomial(size, np.full(size, 1 / size), some)
            yield times[:, self._cluster_of]


class Drawn(NamedTuple):
    """A figure, or several.

    Attributes:
        value: on the texts as they are.
        draws: for each draw, shape (draws, ...).
        enough: whether the draws can tell anything.
    """

    value: NDArray[np.float64]
    draws: NDArray[np.float64]
    enough: bool

    def estimate(self, lowest: float = 0.0) -> Estimate:
        """With the interval of its draws; where they can't tell, from the lowest value there is to 1."""
        if not self.enough:
            return Estimate(value=float(self.value), low=lowest, high=1.0)
        return estimate(float(self.value), self.draws)


def drawn(statistics: Mapping[str, Statistic], resampling: Resampling) -> dict[str, Drawn]:
    """Each figure, all from the same draws."""
    as_they_are = np.ones((1, resampling.texts))
    values = {name: statistic(as_they_are)[0] for name, statistic in statistics.items()}
    draws: dict[str, list[NDArray[np.float64]]] = {name: [] for name in statistics}
    for times in resampling:
        for name, statistic in statistics.items():
            draws[name].append(statistic(times))
    return {name: Drawn(values[name], np.concatenate(draws[name]), resampling.enough) for name in statistics}


def seed_for(seed: int, what: str) -> int:
    """A seed of its own for one figure, so that it does not depend on what else is measured."""
    digest = blake2b(what.encode(), digest_size=8, salt=seed.to_bytes(8, "big")).digest()
    return int.from_bytes(digest, "big")
