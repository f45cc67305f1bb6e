"""What the gates are made of: posts that both decided, flags that were reviewed, an evaluation's bias."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct

from worker.judgement import ACTING

if TYPE_CHECKING:
    from worker.records import Action

_ACTING: Final[frozenset[Action]] = frozenset(ACTING)


class Pair(NamedTuple):
    """A post that both decided.

    Attributes:
        author: whose it is.
        challenger: the action that the challenger would have taken.
        live: the action that was decided.
        probability: the challenger's calibrated one; None outside of what it is calibrated for.
        machine: what the reviewers said of the live one's flag; None: nothing, or they were not sure.
    """

    author: str
    challenger: Action
    live: Action
    probability: float | None
    machine: bool | None


class ReviewedFlag(NamedTuple):
    """A published flag with the reviewers' verdict. Attributes as those of `Pair`."""

    author: str
    probability: float | None
    machine: bool


class BiasOutcome(Struct, frozen=True):
    """What an evaluation says of a detector's bias.

    Attributes:
        detector_digest: which detector it measured.
        measured: groups and rewritings that were measured; None: the bias was not, or without a gate.
        failures: one sentence for each that fails the evaluation's own gate.
    """

    detector_digest: str
    measured: int | None
    failures: tuple[str, ...]


def acts(action: Action) -> bool:
    """Whether something is done; `pass` and `abstain` do nothing."""
    return action in _ACTING
