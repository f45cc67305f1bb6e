"""From labelled texts and their logits to a calibration: made on one half of them, counted on the other."""

from __future__ import annotations

import math
from itertools import compress
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import numpy as np
from msgspec import Struct

from worker.detector.calibration import Calibration, LanguageRule, NumberFormat, sigmoid
from worker.lab.calibrating import ENOUGH_HUMANS, longest_known, shortest_useful
from worker.lab.calibration.figures import by_length, log_odds_of
from worker.lab.calibration.promise import humans_needed
from worker.lab.calibration.reviewed import REVIEWED
from worker.lab.calibration.scaling import Line, constant_line, line_by_length
from worker.lab.calibration.threshold import Aim, check_halves, counted, threshold_log_odds
from worker.lab.calibration.weighing import unseen_of, weighed
from worker.lab.lines import CorpusError
from worker.lab.splits import hold_out

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from worker.lab.calibrating import Unseen
    from worker.lab.calibration.figures import LengthFigures
    from worker.lab.calibration.threshold import Halves
    from worker.lab.corpus import Sample

_FEWEST_OF_EACH: Final = 20
_SHORTEST_KNOWN: Final = 0.001


class Request(Struct, frozen=True, kw_only=True):
    """What calibration is asked for.

    Attributes:
        aim: what the threshold is to keep.
        languages: that the texts are in.
        languages_by: how the language of posts without one is told.
        number_format: that the logits are computed in; None where the detector has one only.
        scale: whether slope and intercept are made new; else only the threshold is.
        by_length: whether they depend on the length.
        machine_share: the share of machines among the posts that the probabilities are meant for.
        seed: of the split.
    """

    aim: Aim
    languages: tuple[str, ...]
    languages_by: LanguageRule | None
    number_format: NumberFormat | None
    scale: bool
    by_length: bool = True
    machine_share: float = 0.5
    seed: int = 0


class Counted(Struct, frozen=True, kw_only=True):
    """Human texts above the threshold on the half that did not set it: the family with the highest bound.

    Attributes:
        family: its name; `all` for all families together.
        above: how many are above.
        human: how many there are.
        bound: upper bound of their share (Clopper and Pearson, one-sided).
    """

    family: str
    above: int
    human: int
    bound: float


class Calibrated(NamedTuple):
    """A calibration, and what it rests on.

    Attributes:
        calibration: the new one.
        made_from: how many texts of the first half set it.
        counted: false positives on the other half.
        figures: of the other half, by length.
    """

    calibration: Calibration
    made_from: int
    counted: Counted
    figures: list[LengthFigures]


def calibrate(
    samples: Sequence[Sample],
    logits: NDArray[np.float64],
    tokens: NDArray[np.int64],
    old: Calibration,
    request: Request,
) -> Calibrated:
    """Splits the texts by author and document, makes a calibration on one half and counts on the other.

    Args:
        samples: each text once; those that the detector was trained on would make it look surer than it is.
        logits: shape (texts,).
        tokens: lengths, shape (texts,).
        old: the calibration that there is.
        request: what is asked for.

    Raises:
        CorpusError: there are too few texts.
    """
    kept = {sample.text for sample in hold_out(samples, 0.5, request.seed)[0]}
    inside = np.array([sample.text in kept for sample in samples], dtype=bool)
    making, counting = (_part(samples, logits, tokens, these) for these in (inside, ~inside))
    return made(making, counting, old, request)


def made(making: Unseen, counting: Unseen, old: Calibration, request: Request) -> Calibrated:
    """Makes a calibration from some texts and counts on others.

    Args:
        making: the texts that set it.
        counting: texts that take part in nothing else.
        old: the calibration that there is.
        request: what is asked for.

    Raises:
        CorpusError: there are too few texts.
    """
    making, counting = weighed(making), weighed(counting)
    scaled = msgspec.structs.replace(
        _scaled(making, request) if request.scale else _narrowed(making, old),
        languages=request.languages,
        languages_by=request.languages_by,
        number_format=request.number_format,
    )
    least, most = scaled.min_tokens, scaled.max_tokens or 0
    setting, counting = (weighed(part.of_length(least, most)) for part in (making, counting))
    value = threshold_log_odds(log_odds_of(_representative(setting), scaled), request.aim)
    scaled = msgspec.structs.replace(scaled, threshold=threshold_at(value))
    if counting.machine.all():
        raise CorpusError(
            "no human text of such a length is left to count on: bring more authors or documents"
        )
    family, above, humans, bound = counted(
        log_odds_of(_representative(counting), scaled),
        scaled.threshold_log_odds,
        fewest=max(
            ENOUGH_HUMANS, humans_needed(request.aim.method, request.aim.rate, request.aim.confidence)
        ),
        confidence=request.aim.confidence,
    )
    calibration = msgspec.structs.replace(scaled, false_positive_bound=bound)
    figures = by_length(counting, old, calibration, machine_share=request.machine_share, seed=request.seed)
    return Calibrated(
        calibration,
        len(setting.logits),
        Counted(family=family, above=above, human=humans, bound=bound),
        figures,
    )


def check(  # noqa: PLR0913 - what is calibrated, and how often
    samples: Sequence[Sample],
    logits: NDArray[np.float64],
    tokens: NDArray[np.int64],
    calibration: Calibration,
    *,
    request: Request,
    count: int,
    done: Callable[[int], None],
) -> Halves:
    """Sets the threshold of a calibration on random halves of the human texts in its range.

    Args:
        samples: as above.
        logits: as above.
        tokens: as above.
        calibration: makes log-odds of them.
        request: what it was made for.
        count: how many random halves.
        done: told how many were done.

    Raises:
        CorpusError: a half has too few human texts.
    """
    covered = (tokens >= calibration.min_tokens) & (tokens <= (calibration.max_tokens or 0))
    human = np.array([not sample.is_machine for sample in samples])
    reviewed = np.array([sample.family == REVIEWED for sample in samples])
    inside = covered & human & ~reviewed
    if not inside.any():
        inside = covered & human
    chosen = list(compress(samples, inside))
    unseen = log_odds_of(unseen_of(chosen, logits[inside], tokens[inside]), calibration)
    return check_halves(chosen, unseen, request.aim, count=count, seed=request.seed, done=done)


def threshold_at(log_odds: float) -> float:
    """The lowest probability that, as a threshold, no log-odds up to the given ones exceed."""
    threshold = sigmoid(log_odds)
    while Calibration(threshold=threshold).threshold_log_odds < log_odds:
        threshold = math.nextafter(threshold, 1.0)
    return threshold


def _part(
    samples: Sequence[Sample],
    logits: NDArray[np.float64],
    tokens: NDArray[np.int64],
    inside: NDArray[np.bool_],
) -> Unseen:
    return unseen_of(list(compress(samples, inside)), logits[inside], tokens[inside])


def _representative(unseen: Unseen) -> Unseen:
    """Without the human texts that came to review, where there are others: they are a selection."""
    selected = ~unseen.machine & (unseen.families == REVIEWED)
    return unseen if selected.sum() == (~unseen.machine).sum() else unseen.where(~selected)


def _scaled(making: Unseen, request: Request) -> Calibration:
    """Slope, intercept and range. The range is found with a first fit and the final fit is made inside it."""
    _require_both(making)
    first, last = max(1, int(making.tokens.min())), longest_known(making)
    draft = _calibration(_line(making, first, last, request), first, last, request)
    rate = request.aim.rate
    log_odds = log_odds_of(_representative(making), draft)
    least = max(first, shortest_useful(log_odds, threshold_log_odds(log_odds, request.aim), rate))
    if least >= last:
        raise CorpusError(
            "there is no length of text at which the detector can be calibrated: that takes at least "
            f"{ENOUGH_HUMANS} human texts of a similar length to set it by, and machine texts that it tells "
            "from them"
        )
    inside = weighed(making.of_length(least, last))
    _require_both(inside)
    return _calibration(_line(inside, least, last, request), least, last, request)


def _line(making: Unseen, least: int, most: int, request: Request) -> Line:
    weighing = making.where(making.weights > 0)
    return line_by_length(weighing, least, most) if request.by_length else constant_line(weighing)


def _calibration(line: Line, least: int, most: int, request: Request) -> Calibration:
    """Half and half in the data; the intercept says what share is expected of the posts."""
    share = request.machine_share
    shifted = line.intercept + math.log(share) - math.log1p(-share)
    return Calibration(
        fitted=True,
        slope=line.slope,
        intercept=shifted,
        slope_by_length=line.slope_by_length,
        intercept_by_length=line.intercept_by_length,
        min_tokens=least,
        max_tokens=most,
    )


def _narrowed(making: Unseen, old: Calibration) -> Calibration:
    """The old one, for lengths that it covers and that the human texts have."""
    if making.machine.all():
        raise CorpusError("there is no human text to set a threshold by: bring more authors or documents")
    theirs = making.tokens[~making.machine]
    least = max(old.min_tokens, 1, int(np.quantile(theirs, _SHORTEST_KNOWN)))
    most = min(old.max_tokens or longest_known(making), longest_known(making))
    if least > most:
        raise CorpusError(
            f"the human texts have lengths to {most} tokens, but the detector is calibrated from {least}: "
            "bring longer ones, or calibrate it anew with --data"
        )
    return msgspec.structs.replace(old, min_tokens=least, max_tokens=most)


def _require_both(making: Unseen) -> None:
    machines = int((making.machine & (making.weights > 0)).sum())
    humans = int((~making.machine & (making.weights > 0)).sum())
    if min(machines, humans) < _FEWEST_OF_EACH:
        raise CorpusError(
            f"{humans} human and {machines} machine texts of like length are there to set it by: at "
            f"least {_FEWEST_OF_EACH} of each are needed, from more than one author or document"
        )
