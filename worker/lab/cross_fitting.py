"""Linear weights, and what they say of the texts that they learned from when those are left out."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from worker.detector.linear import tokens_in
from worker.lab.calibrating import Unseen
from worker.lab.cropping import cropped
from worker.lab.fitting import balanced_weights, feature_matrix, fit_logistic
from worker.lab.lines import CorpusError
from worker.lab.splits import folds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from worker.detector.ngrams import NgramSpec
    from worker.lab.corpus import Sample

FOLDS: Final = 4


class Pieces(NamedTuple):
    """Texts, and a crop of each longer one.

    Attributes:
        samples: the texts, then their crops.
        fold_of: the fold of each, shape (samples,); a crop is in the fold of the text that it is a piece of.
        texts: how many of them are whole texts.
    """

    samples: list[Sample]
    fold_of: NDArray[np.int64]
    texts: int


class CrossFit(NamedTuple):
    """Linear weights.

    Attributes:
        coefficients: learned from all that was chosen, shape (buckets,).
        bias: the same.
        logits: of every piece, each from weights that had not seen its author or document, shape (samples,).
    """

    coefficients: NDArray[np.float64]
    bias: float
    logits: NDArray[np.float64]


def pieces_of(samples: Sequence[Sample], *, crops_seed: int, folds_seed: int) -> Pieces:
    """The texts and their crops, by authors and documents in folds."""
    random = Random(crops_seed)  # noqa: S311 - it places crops, it guards nothing
    cuts = [cropped(sample, random) for sample in samples]
    fold_of_text = folds(samples, FOLDS, folds_seed)
    fold_of_crop = [fold for fold, crop in zip(fold_of_text, cuts, strict=True) if crop is not None]
    return Pieces(
        [*samples, *(crop for crop in cuts if crop is not None)],
        np.array([*fold_of_text, *fold_of_crop]),
        len(samples),
    )


def cross_fit(
    pieces: Pieces,
    chosen: NDArray[np.bool_],
    spec: NgramSpec,
    penalty: float,
    report: Callable[[str], None],
) -> CrossFit:
    """Learns from the pieces that are chosen, and gives logits to all.

    Args:
        pieces: of both labels among the chosen ones of every three folds.
        chosen: shape (samples,).
        spec: the features.
        penalty: as `fit_logistic` has it.
        report: told what is being done.

    Raises:
        CorpusError: without one of the folds there are texts of one label only.
    """
    features = feature_matrix([piece.text for piece in pieces.samples], spec)
    # A bucket that no text has keeps the coefficient 0; few texts leave most of them out.
    met = np.unique(features.indices)
    features = features[:, met]
    machine = np.array([piece.is_machine for piece in pieces.samples])
    weights = np.zeros(len(pieces.samples))
    weights[chosen] = balanced_weights(
        [piece for piece, taken in zip(pieces.samples, chosen, strict=True) if taken]
    )
    logits = np.zeros(len(pieces.samples))
    for fold in range(FOLDS):
        report(f"cross-fitting, {fold + 1} of {FOLDS}")
        outside = pieces.fold_of == fold
        inside = ~outside & chosen
        if len(np.unique(machine[inside])) < 2:  # noqa: PLR2004 - human and machine
            raise CorpusError(
                f"cross-fitting learns from {FOLDS - 1} of {FOLDS} parts of the authors and documents at a "
                "time, and in some there are texts of one label only; give more texts, of more authors or "
                "documents"
            )
        coefficients, bias = fit_logistic(features[inside], machine[inside], weights[inside], penalty)
        logits[outside] = features[outside] @ coefficients + bias
    report("fitting on all of them")
    own, bias = fit_logistic(features[chosen], machine[chosen], weights[chosen], penalty)
    coefficients = np.zeros(spec.buckets)
    coefficients[met] = own
    return CrossFit(coefficients, bias, logits)


def unseen_pieces(samples: Sequence[Sample], logits: NDArray[np.float64]) -> Unseen:
    """The texts with their logits, as a calibration takes them; lengths are a linear detector's."""
    return Unseen(
        logits=logits,
        machine=np.array([piece.is_machine for piece in samples], dtype=bool),
        families=np.array([piece.family for piece in samples], dtype=np.str_),
        tokens=np.array([tokens_in(len(piece.text)) for piece in samples]),
        weights=balanced_weights(samples),
    )
