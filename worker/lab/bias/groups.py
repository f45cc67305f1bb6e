"""Which groups of people a text belongs to, as its data say, or mentions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from worker.lab.bias.terms import TERMS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from worker.lab.bias.report import Basis
    from worker.lab.corpus import Sample


class Group(NamedTuple):
    """A group of people.

    Attributes:
        basis: whether texts state that they are by its members, or mention it.
        of: what it is one of.
        name: its name.
    """

    basis: Basis
    of: str
    name: str

    def members(self, samples: Sequence[Sample]) -> NDArray[np.bool_]:
        """Whether each text belongs to it or mentions it, shape (samples,)."""
        if self.basis == "stated":
            return np.array([one.groups.get(self.of) == self.name for one in samples], bool)
        term = TERMS[self.of][self.name]
        return np.array([term.search(one.text) is not None for one in samples], bool)

    def rest(self, samples: Sequence[Sample]) -> NDArray[np.bool_]:
        """Whether each text is one of those that it is compared with, shape (samples,).

        These are the texts of the other groups of the same question, or those that do not mention it.
        """
        if self.basis == "stated":
            return np.array([one.groups.get(self.of, self.name) != self.name for one in samples], bool)
        return ~self.members(samples)


def groups_of(samples: Sequence[Sample]) -> list[Group]:
    """All that the texts state, in the order of the alphabet, and all that a text may mention."""
    stated = sorted({item for one in samples for item in one.groups.items()})
    return [
        *(Group("stated", of, name) for of, name in stated),
        *(Group("mentioned", of, name) for of, names in TERMS.items() for name in names),
    ]
