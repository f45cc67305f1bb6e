"""The form of a figure: a number never stands without its interval."""

from __future__ import annotations

from msgspec import Struct


class Estimate(Struct, frozen=True, kw_only=True):
    """A figure with its interval, from draws if nothing else is said.

    Of draws it is all that is possible, as from 0 to 1, where humans or machines are of fewer than five
    authors or documents: then draws can't tell.

    Attributes:
        value: the figure on the texts as they are.
        low: the interval's lower end.
        high: its upper end.
    """

    value: float
    low: float
    high: float


class Rate(Struct, frozen=True, kw_only=True):
    """A share of texts with its Clopper-Pearson interval.

    It is that of as many independent texts as the texts of these authors and documents are worth.

    Attributes:
        count: how many of them.
        of: how many there are, at least one.
        value: the share.
        low: the interval's lower end.
        high: its upper end.
    """

    count: int
    of: int
    value: float
    low: float
    high: float


class FoundAt(Struct, frozen=True, kw_only=True):
    """The share of machine texts found where a stated share of the human texts is flagged.

    The threshold is the lowest logit that at most that share of the same human texts exceeds; each bootstrap
    draw sets its own.

    Attributes:
        false_positives: that share.
        humans_needed: how many human texts there have to be for that threshold to mean something.
        rate: the share found; null where there are fewer human texts, or no machine texts.
    """

    false_positives: float
    humans_needed: int
    rate: Estimate | None


class CalibrationError(Struct, frozen=True, kw_only=True):
    """Expected calibration error, over bins of equal mass.

    Attributes:
        value: the mean over bins of |mean probability - share of machines|.
        low: the bootstrap interval's lower end; the bins stay those of the texts as they are.
        high: its upper end. Both are biased upwards, as the value is.
        by_chance: what the value would stay under 19 times out of 20 on as many texts if every probability
            were right.
    """

    value: float
    low: float
    high: float
    by_chance: float


class Figures(Struct, frozen=True, kw_only=True):
    """What was measured on some texts. Null where they do not allow it.

    Attributes:
        human: how many are a human's.
        machine: how many are a machine's.
        accuracy: share judged rightly at the detector's threshold; it depends on how many are a machine's.
        balanced_accuracy: mean of the shares judged rightly of the machines' and of the humans'.
        found: share of the machines' above the threshold.
        wrongly: share of the humans' above it.
        auroc: the chance that a machine's has a higher logit than a human's.
        found_at: the share found at stated shares of false positives.
        calibration_error: how far the probabilities are off.
        brier: mean squared distance of the probability from the truth.
    """

    human: int
    machine: int
    accuracy: Rate | None
    balanced_accuracy: Estimate | None
    found: Rate | None
    wrongly: Rate | None
    auroc: Estimate | None
    found_at: tuple[FoundAt, ...]
    calibration_error: CalibrationError | None
    brier: Estimate | None
