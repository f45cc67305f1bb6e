"""Trains, calibrates and measures a linear detector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np
from msgspec import Struct

from worker.detector.calibration import Calibration
from worker.detector.checkpoint import Manifest
from worker.detector.linear import LinearDetector, LinearModel
from worker.detector.ngrams import NgramSpec
from worker.lab.calibration.calibrate import made
from worker.lab.calibration.of_training import training_request
from worker.lab.corpus import counts_by_source
from worker.lab.cross_fitting import cross_fit, pieces_of, unseen_pieces
from worker.lab.fitting import balanced_weights, feature_matrix, fit_logistic, frequent_words, quantised
from worker.lab.lines import CorpusError
from worker.lab.measuring import figures_of, logits_of
from worker.lab.splits import hold_out

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from worker.lab.calibrating import Unseen
    from worker.lab.corpus import Sample

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
        held: the texts that took part in nothing but the figures and the bound.
    """

    manifest: Manifest
    weights: NDArray[np.int16]
    measured: dict[str, Any]
    held: list[Sample]


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
    unknown = unseen_pieces(strangers, logits_of(fit.detector, [one.text for one in strangers]))
    request = training_request(recipe.false_positives, recipe.languages, None, report)
    calibration = made(fit.unseen, unknown, Calibration(), request).calibration
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
    measured = _measured(fit, kept, held, fresh, calibration=calibration, seed=recipe.seed)
    return Trained(manifest, fit.weights, measured, held)


def fit_uncalibrated(samples: Sequence[Sample], recipe: Recipe) -> LinearDetector:
    """A detector that learned from all of the samples, and from a crop of each longer one.

    Args:
        samples: the texts to learn from, of both labels.
        recipe: how; nothing is held out.
    """
    recipe = _hiding(recipe, samples)
    pieces = pieces_of(samples, crops_seed=recipe.seed, folds_seed=recipe.seed).samples
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
    pieces = pieces_of(kept, crops_seed=recipe.seed, folds_seed=recipe.seed)
    report(f"{len(kept)} texts and {len(pieces.samples) - len(kept)} crops of them to learn from")
    everything = np.ones(len(pieces.samples), bool)
    fit = cross_fit(pieces, everything, recipe.ngrams, recipe.penalty, report)
    detector, integers, model = _detector(fit.coefficients, fit.bias, recipe)
    return _Fit(detector, integers, model, unseen_pieces(pieces.samples, fit.logits))


def _hiding(recipe: Recipe, samples: Sequence[Sample]) -> Recipe:
    """The recipe with the words that stay, where others are to be hidden."""
    if recipe.keep_words is None:
        return recipe
    kept = frequent_words(samples, recipe.keep_words)
    return msgspec.structs.replace(recipe, ngrams=msgspec.structs.replace(recipe.ngrams, kept_words=kept))


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
    calibration: Calibration,
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
        measured[name] = figures_of(group, unseen_pieces(group, logits), calibration, seed=seed)
    measured["learned from, cross-fitted"] = figures_of(kept, fit.unseen, calibration, seed=seed)
    return measured


def _not_learned_from(further: Sequence[Sample], kept: Sequence[Sample]) -> list[Sample]:
    learned = {one.doc for one in kept if one.doc} | {one.text for one in kept}
    return [one for one in further if one.doc not in learned and one.text not in learned]


def _require_both(samples: Sequence[Sample], purpose: str) -> None:
    machines = sum(one.is_machine for one in samples)
    if min(machines, len(samples) - machines) < _FEWEST:
        raise CorpusError(
            f"{len(samples) - machines} human and {machines} machine texts are {purpose}: "
            f"at least {_FEWEST} of each are needed, from more than one author or document"
        )
