"""The stages of a release in their order: off, shadow, one share of the authors after another, all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.records import StageName

_RANKS: Final[tuple[StageName, ...]] = ("off", "shadow", "share", "all")


class Rung(NamedTuple):
    """A stage, and the share of the authors for whom the challenger decides in it, from 0 to 1."""

    stage: StageName
    share: float

    @property
    def height(self) -> tuple[int, float]:
        """Later stages are higher, and so are larger shares."""
        return _RANKS.index(self.stage), self.share

    def __str__(self) -> str:
        return f"share {self.share:g}" if self.stage == "share" else self.stage


OFF: Final = Rung("off", 0.0)
SHADOW: Final = Rung("shadow", 0.0)
ALL: Final = Rung("all", 1.0)


def ladder(shares: Sequence[float]) -> tuple[Rung, ...]:
    """Every rung, lowest first."""
    return (OFF, SHADOW, *(Rung("share", share) for share in sorted(set(shares))), ALL)


def above(rung: Rung, rungs: Sequence[Rung]) -> Rung | None:
    """The next one; None at the top. The rung itself need not be among them."""
    return next((one for one in rungs if one.height > rung.height), None)


def below(rung: Rung, rungs: Sequence[Rung]) -> Rung | None:
    """The one before; None at the bottom."""
    return next((one for one in reversed(rungs) if one.height < rung.height), None)
