"""Attacks a detector's texts, and measures what that changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from worker.lab.calibrating import exceeded_by
from worker.lab.evaluation.resampling import seed_for
from worker.lab.flagging import SHARE_ABOVE, Flagging, drawn
from worker.lab.intervals import aurocs, clustered_rate, estimate, mean, numbered
from worker.lab.lines import CorpusError
from worker.lab.robustness.attack import attacked
from worker.lab.robustness.catalogue import attacks
from worker.lab.robustness.decoding import decodings
from worker.lab.robustness.report import AttackOutcome, Robustness, Unattacked
from worker.text import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from worker.detector.protocol import Detector
    from worker.lab.corpus import Sample
    from worker.lab.evaluation.figures import Estimate, Rate
    from worker.lab.evaluation.scored import Scored
    from worker.lab.robustness.attack import Attack

_FEWEST: Final = 2
_STRAY: Final = 0.02


def robustness(
    detector: Detector,
    samples: Sequence[Sample],
    *,
    seed: int,
    token_budget: int | None,
    report: Callable[[str], None],
) -> Robustness:
    """What each attack changes, and what generators' other uses do.

    Args:
        detector: what is measured.
        samples: labelled texts, canonical, that it was not trained on.
        seed: of attacks and draws.
        token_budget: most tokens at once, None for what the detector likes best.
        report: told what is being done.

    Raises:
        CorpusError: inside the calibrated range there are fewer than two human or two machine texts.
    """
    flagging = Flagging(detector, token_budget)
    report("evaluate: robustness, the texts as they are")
    scored = flagging.scored(samples)
    machines = int(scored.machine.sum())
    if min(machines, len(scored.samples) - machines) < _FEWEST:
        raise CorpusError(
            f"inside the detector's calibrated range there are {len(scored.samples) - machines} human and "
            f"{machines} machine texts: to measure robustness takes at least {_FEWEST} of each"
        )
    before = _Before.of(flagging, scored, drawn(scored, seed_for(seed, "robustness")))
    outcomes: list[AttackOutcome] = []
    for kinds in zip(*_attacks_by_family(scored.samples).values(), strict=True):
        report(f"evaluate: robustness, {kinds[0].name}")
        outcomes += _outcomes(flagging, before, kinds, seed)
    return Robustness(
        detector=detector.name,
        digest=detector.digest,
        seed=seed,
        threshold=detector.calibration.threshold,
        outside=len(samples) - len(scored.samples),
        unattacked=Unattacked(
            machine=machines,
            human=len(scored.samples) - machines,
            auroc=estimate(before.auroc, before.aurocs),
            found=before.rate(before.flagged, scored.machine),
            found_at_5=before.rate(scored.logits > before.cut, scored.machine),
            wrongly=before.rate(before.flagged, ~scored.machine),
        ),
        attacks=tuple(outcomes),
        decodings=decodings(scored, before.flagged, before.drawn),
    )


class _Before(NamedTuple):
    """The texts as they are, and what all attacks are compared with."""

    scored: Scored
    clusters: NDArray[np.int64]
    drawn: NDArray[np.float64]
    flagged: NDArray[np.bool_]
    cut: float
    auroc: float
    aurocs: NDArray[np.float64]

    @classmethod
    def of(cls, flagging: Flagging, scored: Scored, times: NDArray[np.float64]) -> _Before:
        return cls(
            scored=scored,
            clusters=numbered([one.group for one in scored.samples]),
            drawn=times,
            flagged=flagging.flagged(scored),
            cut=exceeded_by(scored.logits[~scored.machine], SHARE_ABOVE),
            auroc=float(_aurocs(scored, scored.logits, np.ones((1, len(scored.samples))))[0]),
            aurocs=_aurocs(scored, scored.logits, times),
        )

    def rate(self, hits: NDArray[np.bool_], among: NDArray[np.bool_]) -> Rate:
        return clustered_rate(hits[among], self.clusters[among])


def _attacks_by_family(samples: Sequence[Sample]) -> Mapping[str, Sequence[Attack]]:
    """The attacks on the texts of each family, in the same order; human words come from the same family."""
    every = [one.text for one in samples if not one.is_machine]
    found = {}
    for family in sorted({one.family for one in samples}):
        theirs = [one.text for one in samples if one.family == family and not one.is_machine]
        found[family] = attacks(theirs or every)
    return found


def _outcomes(flagging: Flagging, before: _Before, kinds: Sequence[Attack], seed: int) -> list[AttackOutcome]:
    """The attack, defended by the canonical form, and after it undefended where that is different."""
    samples = before.scored.samples
    by_family = dict(zip(sorted({one.family for one in samples}), kinds, strict=True))
    raw = [attacked(by_family[one.family], one.text, seed) for one in samples]
    changed = [text != one.text for text, one in zip(raw, samples, strict=True)]
    defended = [canonical(text) for text in raw]
    undone = sum(was and text == one.text for was, text, one in zip(changed, defended, samples, strict=True))
    share = undone / sum(changed) if any(changed) else None
    attack = kinds[0]
    outcomes = [_outcome(flagging, before, attack, defended, undone=share, is_defended=True)]
    # The canonical form also touches a text here and there that the attack is not about.
    apart = sum(text != other for text, other in zip(raw, defended, strict=True))
    if apart > _STRAY * len(raw):
        outcomes.append(_outcome(flagging, before, attack, raw, undone=share, is_defended=False))
    return outcomes


def _outcome(  # noqa: PLR0913 - what is attacked, how, and what the detector got
    flagging: Flagging,
    before: _Before,
    attack: Attack,
    texts: Sequence[str],
    *,
    undone: float | None,
    is_defended: bool,
) -> AttackOutcome:
    scored = before.scored
    after = flagging.changed(scored, texts)
    machine = scored.machine
    # The machines' texts are attacked, the humans' stay what they are held against.
    logits = np.where(machine, after.logits, scored.logits)
    auroc = float(_aurocs(scored, logits, np.ones((1, len(logits))))[0])
    drawn_aurocs = _aurocs(scored, logits, before.drawn)
    theirs = after.where[machine[after.where]]
    humans = after.where[~machine[after.where]]
    return AttackOutcome(
        attack=attack.name,
        what=attack.what,
        defended=is_defended,
        machine=len(theirs),
        human=len(humans),
        undone=undone,
        auroc=estimate(auroc, drawn_aurocs),
        auroc_change=estimate(auroc - before.auroc, drawn_aurocs - before.aurocs),
        found=before.rate(after.flagged, machine),
        found_at_5=before.rate(after.logits > before.cut, machine),
        shift=_shift(before, after.logits, theirs),
        lost=int((before.flagged & ~after.flagged)[machine].sum()),
        gained=int((after.flagged & ~before.flagged)[machine].sum()),
        human_shift=_shift(before, after.logits, humans),
        wrongly=before.rate(after.flagged, ~machine),
    )


def _shift(before: _Before, logits: NDArray[np.float64], where: NDArray[np.int64]) -> Estimate | None:
    if not len(where):
        return None
    return mean((logits - before.scored.logits)[where], before.drawn[:, where])


def _aurocs(scored: Scored, logits: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.float64]:
    machine = scored.machine
    return aurocs(logits[~machine], logits[machine], times[:, ~machine], times[:, machine])
