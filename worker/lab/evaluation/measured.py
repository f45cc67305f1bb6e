"""From a selection of texts to its figures."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from worker.lab.evaluation.figures import Figures, FoundAt
from worker.lab.evaluation.measures import Ranking, balanced_accuracy, brier
from worker.lab.evaluation.reliability import Reliability
from worker.lab.evaluation.report import Comparison, Slice
from worker.lab.evaluation.resampling import Resampling, drawn, seed_for
from worker.lab.intervals import design_effect, numbered, rate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from worker.lab.evaluation.figures import CalibrationError, Estimate, Rate
    from worker.lab.evaluation.report import ReliabilityBin
    from worker.lab.evaluation.resampling import Drawn, Statistic
    from worker.lab.evaluation.scored import Scored
    from worker.lab.evaluation.selection import Selection

FALSE_POSITIVES: Final = (0.05, 0.01, 0.001)
# Of the human texts, so many at least should be above a threshold that is set by them.
EXPECTED_ABOVE: Final = 5


def measure(scored: Scored, selection: Selection, *, draws: int, seed: int) -> Slice:
    """The figures of a selection.

    Args:
        scored: all texts.
        selection: which of them.
        draws: of each bootstrap.
        seed: of them.
    """
    part = scored.where(selection.inside)
    own_seed = seed_for(seed, f"{selection.dimension}\0{selection.name}")
    if selection.against_family:
        part = part._replace(weights=_evened(part))
    covered = int(part.covered.sum())
    everywhere, baseline = _figures(part, draws, own_seed)
    inside = None
    if 0 < covered < len(part.samples):
        inside, _ = _figures(part.where(part.covered), draws, own_seed)
    return Slice(
        dimension=selection.dimension,
        name=selection.name,
        in_range=covered,
        everywhere=everywhere,
        inside=inside,
        baseline=baseline,
    )


def reliability_curve(scored: Scored, *, draws: int, seed: int) -> tuple[ReliabilityBin, ...]:
    """The reliability curve of texts, empty where there is no family with texts of both labels.

    Args:
        scored: the texts.
        draws: of the bootstrap.
        seed: of them.
    """
    balanced = _of_both(scored)
    if not balanced.any():
        return ()
    part = scored.where(balanced)
    reliability = Reliability(part.probabilities, part.machine, part.weights)
    shares = _drawn({"shares": reliability.machine_shares}, part, draws, seed_for(seed, "reliability"))
    return reliability.curve(shares["shares"].draws)


def humans_needed(false_positives: float) -> int:
    """How many human texts a threshold takes that at most such a share of them exceeds."""
    return math.ceil(EXPECTED_ABOVE / false_positives)


def _figures(part: Scored, draws: int, seed: int) -> tuple[Figures, Comparison | None]:
    machine = part.machine
    machines = int(machine.sum())
    humans = len(machine) - machines
    both = bool(machines and humans)
    statistics: dict[str, Statistic] = {}
    if both:
        statistics |= _ranking(part)
    balanced = _of_both(part)
    reliability = Reliability(part.probabilities[balanced], machine[balanced], part.weights[balanced])
    if balanced.any():
        statistics |= _calibration(part, balanced, reliability)
    found = _drawn(statistics, part, draws, seed)
    comparison = None
    if "gain" in found:
        comparison = Comparison(auroc=found["baseline"].estimate(), gain=found["gain"].estimate(-1.0))
    figures = Figures(
        human=humans,
        machine=machines,
        accuracy=_rate(part, None),
        balanced_accuracy=_estimate(found, "balanced accuracy"),
        found=_rate(part, True),
        wrongly=_rate(part, False),
        auroc=_estimate(found, "auroc"),
        found_at=tuple(
            FoundAt(
                false_positives=share,
                humans_needed=humans_needed(share),
                rate=_estimate(found, f"at {share}"),
            )
            for share in FALSE_POSITIVES
        ),
        calibration_error=_error(found, reliability, seed),
        brier=_estimate(found, "brier"),
    )
    return figures, comparison


def _ranking(part: Scored) -> dict[str, Statistic]:
    """What takes texts of both labels."""
    machine = part.machine
    humans = int((~machine).sum())
    ranking = Ranking(part.logits, machine)
    statistics: dict[str, Statistic] = {"auroc": ranking.auroc}
    for share in FALSE_POSITIVES:
        if humans >= humans_needed(share):
            statistics[f"at {share}"] = partial(ranking.found_at, false_positives=share)
    above = part.above
    if above is not None:
        statistics["balanced accuracy"] = lambda times: balanced_accuracy(times, machine, above)
    if part.baseline is not None:
        other = Ranking(part.baseline, machine)
        statistics["baseline"] = other.auroc
        statistics["gain"] = lambda times: ranking.auroc(times) - other.auroc(times)
    return statistics


def _calibration(part: Scored, balanced: NDArray[np.bool_], reliability: Reliability) -> dict[str, Statistic]:
    """What depends on how many texts are a machine's."""
    weights, probabilities, machine = (
        part.weights[balanced],
        part.probabilities[balanced],
        part.machine[balanced],
    )
    return {
        "calibration error": lambda times: reliability.error(times[:, balanced]),
        "brier": lambda times: brier(times[:, balanced] * weights, probabilities, machine),
    }


def _drawn(statistics: Mapping[str, Statistic], part: Scored, draws: int, seed: int) -> dict[str, Drawn]:
    resampling = Resampling(
        [sample.group for sample in part.samples],
        [sample.family for sample in part.samples],
        part.machine,
        draws=draws,
        seed=seed,
    )
    return drawn(statistics, resampling)


def _estimate(found: Mapping[str, Drawn], name: str) -> Estimate | None:
    return found[name].estimate() if name in found else None


def _error(found: Mapping[str, Drawn], reliability: Reliability, seed: int) -> CalibrationError | None:
    if "calibration error" not in found:
        return None
    return reliability.summary(found["calibration error"].estimate(), seed)


def _rate(part: Scored, machine: bool | None) -> Rate | None:  # noqa: FBT001 - None: of all texts
    """The share above the threshold of the texts of one label; None: the share of all judged rightly."""
    if part.above is None:
        return None
    among = np.ones(len(part.machine), bool) if machine is None else part.machine == machine
    if not among.any():
        return None
    hits = (part.above == part.machine if machine is None else part.above)[among]
    clusters = numbered([part.samples[one].group for one in np.flatnonzero(among)])
    # Without a hit, or with nothing else, clusters tell nothing, and texts are taken for independent.
    effect = design_effect(hits, clusters) or 1.0
    return rate(int(hits.sum()), len(hits), design_effect=effect)


def _of_both(part: Scored) -> NDArray[np.bool_]:
    """Which texts are of a family that has texts of humans and of machines here."""
    families = np.array([sample.family for sample in part.samples], dtype=np.str_)
    both = np.intersect1d(families[part.machine], families[~part.machine])
    return np.isin(families, both)


def _evened(part: Scored) -> NDArray[np.float64]:
    """The weights, with the machines' scaled so that they count as much as the humans'."""
    machines, humans = part.weights[part.machine].sum(), part.weights[~part.machine].sum()
    scale = humans / machines if machines > 0 and humans > 0 else 1.0
    return np.where(part.machine, part.weights * scale, part.weights)
