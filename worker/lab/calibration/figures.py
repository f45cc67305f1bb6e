"""What a calibration did, counted on texts that it was not made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from msgspec import Struct

from worker.lab.calibration.weighing import length_classes
from worker.lab.evaluation.figures import Estimate
from worker.lab.evaluation.reliability import Reliability

if TYPE_CHECKING:
    from worker.detector.calibration import Calibration
    from worker.lab.calibrating import Unseen


class LengthFigures(Struct, frozen=True, kw_only=True):
    """Texts of about one length.

    Attributes:
        from_tokens: fewest tokens.
        to_tokens: most tokens.
        human: how many are a human's.
        machine: how many are a machine's.
        error_before: expected calibration error of the probabilities as they were; null where there are not
            texts of both labels.
        error: that of the new ones.
        error_by_chance: what it would stay under 19 times out of 20 if they were right.
        found: share of the machines' texts above the threshold; null without any.
        wrongly: share of the humans' above it.
    """

    from_tokens: int
    to_tokens: int
    human: int
    machine: int
    error_before: float | None
    error: float | None
    error_by_chance: float | None
    found: float | None
    wrongly: float | None


class _Measured(NamedTuple):
    reliability: Reliability
    texts: int


def by_length(
    unseen: Unseen, old: Calibration, new: Calibration, *, machine_share: float, seed: int
) -> list[LengthFigures]:
    """The figures of all texts inside the calibrated range, then of each class of lengths with any.

    Args:
        unseen: texts with their logits, weighted as half and half.
        old: the calibration that there was.
        new: the calibration that is measured.
        machine_share: the share of machines that probabilities are meant for.
        seed: of what chance would do.
    """
    least, most = new.min_tokens, new.max_tokens if new.max_tokens is not None else 2**62
    ranges = [(least, most)]
    ranges += [
        (max(low, least), min(high, most)) for low, high in length_classes() if low <= most and high >= least
    ]
    return [
        _figures(part, (low, high), old, new, machine_share=machine_share, seed=seed)
        for low, high in ranges
        if len((part := unseen.of_length(low, high)).logits)
    ]


def log_odds_of(unseen: Unseen, calibration: Calibration) -> Unseen:
    """The same texts with calibrated log-odds in the place of logits, exactly as the worker computes them."""
    pairs = zip(unseen.logits.tolist(), unseen.tokens.tolist(), strict=True)
    return unseen._replace(logits=np.array([calibration.log_odds(logit, tokens) for logit, tokens in pairs]))


def _figures(  # noqa: PLR0913 - the texts, and what they are held against
    part: Unseen,
    lengths: tuple[int, int],
    old: Calibration,
    new: Calibration,
    *,
    machine_share: float,
    seed: int,
) -> LengthFigures:
    above = log_odds_of(part, new).logits > new.threshold_log_odds
    machines = int(part.machine.sum())
    humans = len(part.machine) - machines
    before, after = (_reliability(part, calibration, machine_share) for calibration in (old, new))
    error = _error(after) if new.fitted else None
    return LengthFigures(
        from_tokens=lengths[0],
        to_tokens=lengths[1],
        human=humans,
        machine=machines,
        error_before=_error(before),
        error=error,
        error_by_chance=None if after is None or error is None else _by_chance(after, error, seed),
        found=float(above[part.machine].mean()) if machines else None,
        wrongly=float(above[~part.machine].mean()) if humans else None,
    )


def _reliability(part: Unseen, calibration: Calibration, machine_share: float) -> _Measured | None:
    """Of the texts that have weight; None where they are not of both labels."""
    weighing = part.where(part.weights > 0)
    if not weighing.machine.any() or weighing.machine.all():
        return None
    weights = weighing.weights * np.where(weighing.machine, machine_share, 1 - machine_share)
    pairs = zip(weighing.logits.tolist(), weighing.tokens.tolist(), strict=True)
    probabilities = np.array([calibration.probability(logit, tokens) for logit, tokens in pairs])
    return _Measured(Reliability(probabilities, weighing.machine, weights), len(weights))


def _error(measured: _Measured | None) -> float | None:
    if measured is None:
        return None
    return float(measured.reliability.error(np.ones((1, measured.texts)))[0])


def _by_chance(measured: _Measured, error: float, seed: int) -> float:
    return measured.reliability.summary(Estimate(value=error, low=error, high=error), seed).by_chance
