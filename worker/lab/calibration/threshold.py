"""The threshold that human texts set, and a count on other ones whether it keeps its promise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from worker.lab.calibrating import human_groups, lower_bound, upper_bound
from worker.lab.calibration.promise import Method, humans_needed, most_above
from worker.lab.lines import CorpusError
from worker.lab.splits import hold_out

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.lab.calibrating import Unseen
    from worker.lab.corpus import Sample

_ALL = "all"


class Aim(Struct, frozen=True, kw_only=True):
    """What a threshold is to keep.

    Attributes:
        rate: share of human texts that may exceed it.
        confidence: of bounds.
        method: what is promised.
    """

    rate: float
    confidence: float = 0.95
    method: Method = "clopper-pearson"


class Halves(Struct, frozen=True, kw_only=True):
    """Thresholds set on one random half of the human texts, counted on the other.

    Attributes:
        count: how often.
        kept: how often at most the rate exceeded it on the other half, in every family that sets it.
        not_refuted: how often the other half does not show, at the confidence, that more than the rate do.
        mean: mean share of the other half above it, all families together.
        worst: largest share of any family.
    """

    count: int
    kept: int
    not_refuted: int
    mean: float
    worst: float


def threshold_log_odds(unseen: Unseen, aim: Aim) -> float:
    """The lowest value that no family's human texts exceed more often than the aim allows.

    Families with fewer texts than the aim takes count only in all of them together.

    Args:
        unseen: human texts among others, calibrated log-odds in the place of logits.
        aim: what to keep.

    Raises:
        CorpusError: there are too few human texts.
    """
    needed = humans_needed(aim.method, aim.rate, aim.confidence)
    humans = int((~unseen.machine).sum())
    if humans < needed:
        sure = f" at {100 * aim.confidence:.4g} % confidence" if aim.method == "clopper-pearson" else ""
        raise CorpusError(
            f"{humans} human texts are there to set the threshold by; a false-positive rate of "
            f"{100 * aim.rate:.4g} %{sure} takes {needed}, and as many to count on: bring more, or raise it"
        )
    values = []
    for log_odds in groups_of(unseen, needed).values():
        most = most_above(aim.method, len(log_odds), aim.rate, aim.confidence)
        assert most is not None  # noqa: S101 - no group has fewer than are needed
        values.append(float(np.sort(log_odds)[len(log_odds) - 1 - most]))
    return max(values)


def groups_of(unseen: Unseen, fewest: int) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """The log-odds of the human texts: of all, and of each family with enough of them."""
    return {_ALL: unseen.logits[~unseen.machine]} | human_groups(unseen, fewest)


def check_halves(  # noqa: PLR0913 - the texts, what is asked of them, and how often
    samples: Sequence[Sample], unseen: Unseen, aim: Aim, *, count: int, seed: int, done: Callable[[int], None]
) -> Halves:
    """Sets the threshold on random halves of the human texts, split by author and document.

    Args:
        samples: the texts.
        unseen: the same, calibrated log-odds in the place of logits.
        aim: what the threshold is to keep.
        count: how many random halves.
        seed: of the first; the others follow it.
        done: told how many were done.

    Raises:
        CorpusError: a half has too few human texts.
    """
    needed = humans_needed(aim.method, aim.rate, aim.confidence)
    humans = [sample for sample in samples if not sample.is_machine]
    theirs = unseen.where(~unseen.machine)
    kept = not_refuted = 0
    shares = []
    worst = 0.0
    for number in range(count):
        first = {sample.text for sample in hold_out(humans, 0.5, (seed + 1 + number) % 2**32)[0]}
        inside = np.array([sample.text in first for sample in humans])
        setting, counting = theirs.where(inside), theirs.where(~inside)
        value = threshold_log_odds(setting, aim)
        families = groups_of(setting, needed)
        found = {
            family: (int((log_odds > value).sum()), len(log_odds))
            for family, log_odds in groups_of(counting, 1).items()
            if family in families and len(log_odds)
        }
        kept += all(above <= aim.rate * size for above, size in found.values())
        not_refuted += all(
            lower_bound(above, size, aim.confidence) <= aim.rate for above, size in found.values()
        )
        worst = max(worst, *(above / size for above, size in found.values()))
        shares.append(found[_ALL][0] / found[_ALL][1])
        done(number + 1)
    return Halves(count=count, kept=kept, not_refuted=not_refuted, mean=float(np.mean(shares)), worst=worst)


def counted(unseen: Unseen, value: float, *, fewest: int, confidence: float) -> tuple[str, int, int, float]:
    """The family of human texts with the largest upper bound of its share above a value.

    Returns:
        Its name, how many of its texts are above, how many there are, and the bound (Clopper and Pearson,
        one-sided).
    """
    rows = [
        (family, int((log_odds > value).sum()), len(log_odds))
        for family, log_odds in groups_of(unseen, fewest).items()
    ]
    bounds = [upper_bound(above, size, confidence) for _, above, size in rows]
    place = int(np.argmax(bounds))
    return (*rows[place], bounds[place])
