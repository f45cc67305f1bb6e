"""What logits of texts that a detector was not trained on say of it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy.stats import beta
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from worker.detector.calibration import sigmoid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

CONFIDENCE: Final = 0.95
# Below this the rate of a hundredth can't be told from nothing.
ENOUGH_HUMANS: Final = 200
_USEFUL_AUROC: Final = 0.7
_LENGTHS: Final = (1, 5, 10, 15, 20, 30, 40, 60, 80, 120, 200, 400)
_WITHIN: Final = 0.999


class Unseen(NamedTuple):
    """Texts that a detector was not trained on, one entry each.

    Attributes:
        logits: its logits.
        machine: whether a machine wrote them.
        families: what they were gathered with.
        tokens: their lengths.
        weights: how much each counts.
    """

    logits: NDArray[np.float64]
    machine: NDArray[np.bool_]
    families: NDArray[np.str_]
    tokens: NDArray[np.int64]
    weights: NDArray[np.float64]

    def of_length(self, least: int, most: int) -> Unseen:
        """Those with a length in tokens from least to most."""
        return self.where((self.tokens >= least) & (self.tokens <= most))

    def where(self, inside: NDArray[np.bool_]) -> Unseen:
        """Some of them; `inside` has the shape (texts,)."""
        return Unseen(
            logits=self.logits[inside],
            machine=self.machine[inside],
            families=self.families[inside],
            tokens=self.tokens[inside],
            weights=self.weights[inside],
        )


def joined(parts: Sequence[Unseen]) -> Unseen:
    """All their texts, in order."""
    return Unseen(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def platt(unseen: Unseen) -> tuple[float, float]:
    """Slope and intercept of Platt (1999): the logistic regression of the label on the logit."""
    model = LogisticRegression(C=np.inf)
    model.fit(unseen.logits[:, None], unseen.machine, sample_weight=unseen.weights)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def threshold_logit(unseen: Unseen, target: float) -> float:
    """The lowest logit that at most `target` of the human texts of each family exceed.

    Families with fewer than 200 human texts do not count; where no family has so many, all texts are taken
    together.
    """
    return max(exceeded_by(logits, target) for logits in human_groups(unseen).values())


def false_positive_bound(unseen: Unseen, logit: float) -> float:
    """Upper bound of the share of human texts above the logit, for the worst family.

    Clopper and Pearson (1934), one-sided, at 95 % confidence; it takes texts for independent, which those of
    one author are not.
    """
    groups = human_groups(unseen).values()
    return max(upper_bound(int((logits > logit).sum()), len(logits)) for logits in groups)


def shortest_useful(unseen: Unseen, logit: float, target: float) -> int:
    """Tokens from which on the detector means something.

    In that class of lengths and all longer ones, the share of human texts above the logit is not above the
    target beyond chance, and the AUROC is at least 0.7. Classes with fewer than 200 human texts or none of
    a machine do not count.
    """
    shortest = _LENGTHS[-1]
    for low, inside in reversed(length_classes(unseen)):
        human, machine = (unseen.logits[inside & label] for label in (~unseen.machine, unseen.machine))
        if len(human) >= ENOUGH_HUMANS and len(machine):
            above = int((human > logit).sum())
            if lower_bound(above, len(human)) > target or auroc(human, machine) < _USEFUL_AUROC:
                break
            shortest = low
    return shortest


def length_classes(unseen: Unseen) -> list[tuple[int, NDArray[np.bool_]]]:
    """The classes of lengths: (fewest tokens, which texts are of it, shape (texts,))."""
    return [
        (low, (unseen.tokens >= low) & (unseen.tokens < high))
        for low, high in pairwise((*_LENGTHS, np.iinfo(np.int64).max))
    ]


def longest_known(unseen: Unseen) -> int:
    """The length in tokens that all but a thousandth of the human texts keep within."""
    return int(np.quantile(unseen.tokens[~unseen.machine], _WITHIN))


def auroc(human: NDArray[np.float64], machine: NDArray[np.float64]) -> float:
    """The chance that a machine's text has a higher logit than a human's."""
    labels = np.repeat([0, 1], [len(human), len(machine)])
    return float(roc_auc_score(labels, np.concatenate([human, machine])))


def upper_bound(above: int, count: int, confidence: float = CONFIDENCE) -> float:
    """Clopper and Pearson's one-sided upper bound of a share."""
    return 1.0 if above >= count else float(beta.ppf(confidence, above + 1, count - above))


def lower_bound(above: int, count: int, confidence: float = CONFIDENCE) -> float:
    """Clopper and Pearson's one-sided lower bound of a share."""
    return 0.0 if above == 0 else float(beta.ppf(1 - confidence, above, count - above + 1))


def threshold_probability(logit: float, slope: float, intercept: float) -> float:
    """The calibrated probability that belongs to a logit."""
    return sigmoid(slope * logit + intercept)


def human_groups(unseen: Unseen, fewest: int = ENOUGH_HUMANS) -> dict[str, NDArray[np.float64]]:
    """The human texts' logits, by family; all together as `all` where no family has the fewest that count."""
    human = ~unseen.machine
    groups = {
        str(family): unseen.logits[human & (unseen.families == family)]
        for family in np.unique(unseen.families)
    }
    enough = {family: logits for family, logits in groups.items() if len(logits) >= fewest}
    return enough or {"all": unseen.logits[human]}


def exceeded_by(logits: NDArray[np.float64], share: float) -> float:
    """The lowest of the logits that at most this share of them exceeds."""
    ordered = np.sort(logits)
    return float(ordered[len(ordered) - 1 - int(share * len(ordered))])
