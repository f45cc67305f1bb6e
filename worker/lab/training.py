"""Trains, calibrates and measures a linear detector."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np
from msgspec import Struct

from worker.detector.calibration import Calibration
from worker.detector.checkpoint import Manifest
from worker.detector.distortion import words_in
from worker.detector.linear import LinearDetector, LinearModel, tokens_in
from worker.detector.ngrams import NgramSpec, prepared
from worker.lab.calibrating import Unseen, calibrated
from worker.lab.corpus import counts_by_source
from worker.lab.cropping import cropped
from worker.lab.fitting import balanced_weights, feature_matrix, fit_logistic, quantised
from worker.lab.lines import CorpusError
from worker.lab.measuring import figures_of, logits_of
from worker.lab.splits import folds, hold_out

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from worker.lab.corpus import Sample

_FOLDS: Final = 4
_FEWEST: Final = 20


class Recipe(Struct, frozen=True, kw_only=True):
    """How a linear detector is trained.

    Attributes:
        name: a short name for people.
        ngrams: which features.
        penalty: how strongly large weights are held down.
        hold_out: share of authors, documents and other texts that is only measured on.
        false_positives: share of human texts that may exceed the threshold.
        languages: of the texts.
        seed: of the splits and the crops.
        keep_words: all words but so many, the most frequent of the human texts, are hidden
            (worker/detector/distortion.py); None hides none.
    """

    name: str
    ngrams: NgramSpec
    penalty: float = 3e-5
    hold_out: float = 0.2
    false_positives: float = 0.01
    languages: tuple[str, ...] = ("en",)
    seed: int = 0
    keep_words: int | None = None


class Trained(NamedTuple):
    """A trained detector.

    Attributes:
        manifest: what goes into its `detector.json`.
        weights: shape (buckets,).
        measured: figures, by what they were measured on.
    """

    manifest: Manifest
    weights: NDArray[np.int16]
    measured: dict[str, Any]


class _Fit(NamedTuple):
    detector: LinearDetector
    weights: NDArray[np.int16]
    model: LinearModel
    unseen: Unseen  # the texts that it learned from, with logits from weights that had not seen them


def train_linear(
    samples: Sequence[Sample], further: Sequence[Sample], recipe: Recipe, report: Callable[[str], None]
) -> Trained:
    """Trains on what is not held out, calibrates, and measures on what is, and on further texts.

    The calibration comes from cross-fitting: the texts of each fourth of the authors and documents get their
    logits from weights that were trained on the other three. The bound on false positives is then counted
    with the final weights, on human texts that took part in nothing: the held-out and the further ones.

    Args:
        samples: the texts to learn from.
        further: more texts to measure on; those of a document that is learned from are left out.
        recipe: how.
        report: told what is being done.

    Raises:
        CorpusError: too few human or machine texts, or none that they can be told apart by.
    """
    kept, held = hold_out(samples, recipe.hold_out, recipe.seed)
    _require_both(kept, "to learn from")
    _require_both(held, "held out")
    fit = _fit(kept, _hiding(recipe, kept), report)
    report("measuring")
    fresh = _not_learned_from(further, kept)
    authors = {one.author for one in kept if one.author}
    strangers = [*held, *(one for one in fresh if one.author not in authors)]
    unknown = _unseen(strangers, logits_of(fit.detector, [one.text for one in strangers]))
    calibration, cut = calibrated(
        fit.unseen, unknown, false_positives=recipe.false_positives, languages=recipe.languages
    )
    manifest = Manifest(
        format=1,
        kind="linear",
        name=recipe.name,
        labels=("human", "machine"),
        calibration=calibration,
        linear=fit.model,
        provenance={
            "recipe": msgspec.to_builtins(recipe),
            "learned_from": counts_by_source(kept),
            "held_out": counts_by_source(held),
        },
    )
    return Trained(manifest, fit.weights, _measured(fit, kept, held, fresh, cut=cut, seed=recipe.seed))


def fit_uncalibrated(samples: Sequence[Sample], recipe: Recipe) -> LinearDetector:
    """A detector that learned from all of the samples, and from a crop of each longer one.

    Args:
        samples: the texts to learn from, of both labels.
        recipe: how; nothing is held out.
    """
    recipe = _hiding(recipe, samples)
    pieces = [*samples, *(crop for crop in _cuts(samples, recipe.seed) if crop is not None)]
    features = feature_matrix([piece.text for piece in pieces], recipe.ngrams)
    # A bucket that no text has keeps the coefficient 0; few texts leave most of them out.
    met = np.unique(features.indices)
    machine = np.array([piece.is_machine for piece in pieces])
    own, bias = fit_logistic(features[:, met], machine, balanced_weights(pieces), recipe.penalty)
    coefficients = np.zeros(recipe.ngrams.buckets)
    coefficients[met] = own
    detector, _, _ = _detector(coefficients, bias, recipe)
    return detector


def _fit(kept: Sequence[Sample], recipe: Recipe, report: Callable[[str], None]) -> _Fit:
    cuts = _cuts(kept, recipe.seed)
    pieces = [*kept, *(crop for crop in cuts if crop is not None)]
    report(f"{len(kept)} texts and {len(pieces) - len(kept)} crops of them to learn from")
    features = feature_matrix([piece.text for piece in pieces], recipe.ngrams)
    machine = np.array([piece.is_machine for piece in pieces])
    weights = balanced_weights(pieces)
    fold_of_text = folds(kept, _FOLDS, recipe.seed)
    # A crop is in the fold of the text that it is a piece of.
    fold_of_crop = [fold for fold, crop in zip(fold_of_text, cuts, strict=True) if crop is not None]
    fold_of = np.array([*fold_of_text, *fold_of_crop])
    logits = np.zeros(len(pieces))
    for fold in range(_FOLDS):
        report(f"cross-fitting, {fold + 1} of {_FOLDS}")
        inside = fold_of != fold
        coefficients, bias = fit_logistic(features[inside], machine[inside], weights[inside], recipe.penalty)
        logits[~inside] = features[~inside] @ coefficients + bias
    report("fitting on all of them")
    coefficients, bias = fit_logistic(features, machine, weights, recipe.penalty)
    detector, integers, model = _detector(coefficients, bias, recipe)
    return _Fit(detector, integers, model, _unseen(pieces, logits))


def _hiding(recipe: Recipe, samples: Sequence[Sample]) -> Recipe:
    """The recipe with the words that stay, where others are to be hidden."""
    if recipe.keep_words is None:
        return recipe
    counts = Counter(words_in(prepared(sample.text) for sample in samples if not sample.is_machine))
    # Among equally frequent ones the alphabet decides, so that the order of the texts does not.
    ordered = sorted(counts, key=lambda word: (-counts[word], word))
    return msgspec.structs.replace(
        recipe,
        ngrams=msgspec.structs.replace(recipe.ngrams, kept_words=tuple(ordered[: recipe.keep_words])),
    )


def _cuts(samples: Sequence[Sample], seed: int) -> list[Sample | None]:
    random = Random(seed)  # noqa: S311 - it places crops, it guards nothing
    return [cropped(sample, random) for sample in samples]


def _detector(
    coefficients: NDArray[np.float64], bias: float, recipe: Recipe
) -> tuple[LinearDetector, NDArray[np.int16], LinearModel]:
    integers, scale = quantised(coefficients)
    model = LinearModel(ngrams=recipe.ngrams, scale=scale, bias=bias)
    return LinearDetector(recipe.name, model, integers, Calibration()), integers, model


def _measured(  # noqa: PLR0913 - each is another part of what is measured
    fit: _Fit,
    kept: Sequence[Sample],
    held: Sequence[Sample],
    fresh: Sequence[Sample],
    *,
    cut: float,
    seed: int,
) -> dict[str, Any]:
    authors = {one.author for one in kept if one.author}
    groups = {
        "held out": held,
        "further": fresh,
        "further, authors learned from": [one for one in fresh if one.author in authors],
        "further and held out, authors not learned from": [
            one for one in (*held, *fresh) if one.author and one.author not in authors
        ],
    }
    measured: dict[str, Any] = {}
    for name, group in groups.items():
        if not group:
            continue
        logits = logits_of(fit.detector, [one.text for one in group])
        measured[name] = figures_of(group, logits, _unseen(group, logits), threshold=cut, seed=seed)
    measured["learned from, cross-fitted"] = figures_of(
        kept, fit.unseen.logits[: len(kept)], fit.unseen, threshold=cut, seed=seed
    )
    return measured


def _not_learned_from(further: Sequence[Sample], kept: Sequence[Sample]) -> list[Sample]:
    learned = {one.doc for one in kept if one.doc} | {one.text for one in kept}
    return [one for one in further if one.doc not in learned and one.text not in learned]


def _unseen(pieces: Sequence[Sample], logits: NDArray[np.float64]) -> Unseen:
    return Unseen(
        logits=logits,
        machine=np.array([piece.is_machine for piece in pieces]),
        families=np.array([piece.family for piece in pieces]),
        tokens=np.array([tokens_in(len(piece.text)) for piece in pieces]),
        weights=balanced_weights(pieces),
    )


def _require_both(samples: Sequence[Sample], purpose: str) -> None:
    machines = sum(one.is_machine for one in samples)
    if min(machines, len(samples) - machines) < _FEWEST:
        raise CorpusError(
            f"{len(samples) - machines} human and {machines} machine texts are {purpose}: "
            f"at least {_FEWEST} of each are needed, from more than one author or document"
        )
