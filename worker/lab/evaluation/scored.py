"""Labelled texts with what a detector says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from worker.detector.scoring import Scorer
from worker.lab.fitting import balanced_weights
from worker.lab.lines import CorpusError
from worker.language import LanguageTeller

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from worker.detector.protocol import Detector
    from worker.lab.corpus import Sample

# Texts between two steps of the progress.
_BATCH = 500


class Scored(NamedTuple):
    """Texts with their logits, one entry each.

    Attributes:
        samples: the texts.
        machine: whether a machine wrote it.
        logits: the log-odds that one did, before calibration.
        tokens: its length.
        probabilities: the same after calibration.
        above: whether it is above the threshold; None where the detector has none.
        covered: whether it is inside the calibrated range.
        weights: how much it counts in what depends on how many texts are a machine's.
        baseline: the baseline's logits; None where there is none.
    """

    samples: list[Sample]
    machine: NDArray[np.bool_]
    logits: NDArray[np.float64]
    tokens: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    above: NDArray[np.bool_] | None
    covered: NDArray[np.bool_]
    weights: NDArray[np.float64]
    baseline: NDArray[np.float64] | None = None

    def where(self, inside: NDArray[np.bool_]) -> Scored:
        """Some of them.

        Args:
            inside: shape (texts,).
        """
        return Scored(
            samples=[self.samples[one] for one in np.flatnonzero(inside)],
            machine=self.machine[inside],
            logits=self.logits[inside],
            tokens=self.tokens[inside],
            probabilities=self.probabilities[inside],
            above=None if self.above is None else self.above[inside],
            covered=self.covered[inside],
            weights=self.weights[inside],
            baseline=None if self.baseline is None else self.baseline[inside],
        )

    def beside(self, other: Scored) -> Scored:
        """The texts that another detector has scored too, with its logits as the baseline."""
        known = {
            sample.text: logit for sample, logit in zip(other.samples, other.logits.tolist(), strict=True)
        }
        both = self.where(np.array([sample.text in known for sample in self.samples]))
        return both._replace(baseline=np.array([known[sample.text] for sample in both.samples]))


def score(
    detector: Detector, samples: Sequence[Sample], token_budget: int | None, done: Callable[[int], None]
) -> Scored:
    """What the detector says of the texts; those that it fails on are left out.

    Args:
        detector: what is asked.
        samples: the texts.
        token_budget: most tokens at once, None for what the detector likes best.
        done: told how many texts have been scored.

    Raises:
        CorpusError: there are no texts, or the detector fails on all of them.
    """
    scorer = Scorer(detector, token_budget)
    kept: list[Sample] = []
    logits: list[float] = []
    tokens: list[int] = []
    why: Exception | None = None
    for begin in range(0, len(samples), _BATCH):
        batch = samples[begin : begin + _BATCH]
        encoded = detector.encode([sample.text for sample in batch])
        for sample, one, logit in zip(batch, encoded, scorer.score(encoded), strict=True):
            if isinstance(logit, CorpusError):
                raise logit
            if isinstance(logit, Exception):
                why = logit
                continue
            kept.append(sample)
            logits.append(logit)
            tokens.append(one.tokens)
        done(begin + len(batch))
    if not kept:
        raise CorpusError(
            "there are no texts to measure on" if why is None else f"the detector failed on every text: {why}"
        )
    return _judged(detector, kept, logits, tokens)


def _judged(detector: Detector, samples: list[Sample], logits: list[float], tokens: list[int]) -> Scored:
    calibration = detector.calibration
    each = list(zip(logits, tokens, strict=True))
    log_odds = np.array([calibration.log_odds(logit, count) for logit, count in each])
    teller = LanguageTeller(calibration)
    languages = [teller.language(sample.lang, sample.text).code for sample in samples]
    covered = [
        calibration.covers(tokens=count, lang=lang) for count, lang in zip(tokens, languages, strict=True)
    ]
    return Scored(
        samples=samples,
        machine=np.array([sample.is_machine for sample in samples]),
        logits=np.array(logits),
        tokens=np.array(tokens),
        probabilities=np.array([calibration.probability(logit, count) for logit, count in each]),
        above=None if calibration.threshold is None else log_odds > calibration.threshold_log_odds,
        covered=np.array(covered),
        weights=balanced_weights(samples),
    )
