"""The watch over one action's share of the decided posts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from worker.action_rate.cusum import Cusum, Design
from worker.action_rate.usual import UsualShare
from worker.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from worker.action_rate.cusum import Excursion
    from worker.settings import ActionRateSettings

# Posts after which the present share has forgotten two thirds of what it was.
_RECENT: Final = 1_000


def design(settings: ActionRateSettings) -> Design:
    """The test for a share that is too high.

    Raises:
        SettingsError: the least usual share is above the most.
    """
    if settings.usual_least > settings.usual_most:
        raise SettingsError(
            "settings: action_rate.usual_least (FLAGSTAFF_ACTION_RATE__USUAL_LEAST) must not be above "
            f"usual_most, {settings.usual_most:g}, but is {settings.usual_least:g}"
        )
    return Design(settings.odds_ratio, settings.dispersion, math.log(settings.posts_between_false_alarms))


class RateWatch:
    """Watches one action. Pure: what it finds follows from what it is given.

    Args:
        settings: the test, and what is usual until that is learned.
        stated: the usual share where it is set; None: it is learned.
        shares: what was learned before, see `UsualShare`.

    Attributes:
        low: whether the share is far below the usual one.

    Raises:
        SettingsError: the settings contradict each other.
    """

    def __init__(
        self, settings: ActionRateSettings, *, stated: float | None = None, shares: Iterable[float] = ()
    ) -> None:
        high = design(settings)
        self._settings = settings
        self._set = stated
        self._stated = stated
        self._learned = UsualShare(settings.learn_posts, shares)
        self._high = Cusum(high)
        self._low = Cusum(high._replace(odds_ratio=1 / high.odds_ratio))
        self._known = 0.0
        self._raw = 0.0
        self.low = False

    @property
    def usual(self) -> float:
        """The usual share that is tested against."""
        if self._stated is not None:
            return self._stated
        learned = self._learned.value
        least, most = self._settings.usual_least, self._settings.usual_most
        return most if learned is None else min(most, max(least, learned))

    @property
    def present(self) -> float:
        """The share of the latest thousand or so posts, weighted exponentially."""
        return self._raw / self._known if self._known else 0.0

    @property
    def shares(self) -> tuple[float, ...]:
        """What was learned, to be kept over a restart."""
        return self._learned.shares

    @property
    def excursion(self) -> Excursion:
        """What has been seen since the evidence for a high share began."""
        return self._high.excursion

    def add(self, hits: Sequence[int], count: int) -> tuple[int | None, bool]:
        """Takes a run of posts in.

        Args:
            hits: which of them have the action, counted from 0, ascending.
            count: how many posts they are.

        Returns:
            The post from which on the share counts as far too high, or None; and whether more was learned.
        """
        self.see(len(hits), count)
        tripped = self._high.add(self.usual, hits, count)
        if tripped is not None:
            self._learned.forget_block()
            return tripped, False
        self._look_low(hits, count)
        return None, self._learned.add(len(hits), count)

    def see(self, hits: int, count: int) -> None:
        """Takes posts into the present share alone: a held action is not tested, and teaches nothing."""
        kept = math.exp(-count / _RECENT)
        if count:
            self._raw = self._raw * kept + hits / count * (1 - kept)
            self._known = self._known * kept + 1 - kept

    def lifted(self, usual: float | None) -> None:
        """A person has lifted the hold: evidence begins anew.

        Args:
            usual: what counts as usual from now on; None: what is set, or else learned.
        """
        self._stated = self._set if usual is None else usual
        self._high.restart()
        self._low.restart()
        self._learned.forget_block()
        self.low = False

    def _look_low(self, hits: Sequence[int], count: int) -> None:
        """A low share holds nothing down, so it is only told, and only where the usual one is known."""
        usual = self._stated if self._stated is not None else self._learned.value
        if not usual:
            return
        if self._low.add(usual, hits, count) is not None:
            self.low = True
            self._low.restart()
        elif self.low and self.present > usual / math.sqrt(self._settings.odds_ratio):
            self.low = False
