"""Logistic regression on the features of the linear detector."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.sparse import csr_matrix, vstack
from sklearn.linear_model import LogisticRegression

from worker.detector.distortion import words_in
from worker.detector.ngrams import chunks, ngram_buckets, preparation, prepared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from worker.detector.ngrams import NgramSpec
    from worker.lab.corpus import Sample

_ITERATIONS: Final = 1_000
# Ten times less takes twice the time and moves no AUROC by more than 0.003.
_TOLERANCE: Final = 1e-4
_LARGEST_WEIGHT: Final = np.iinfo(np.int16).max


def feature_matrix(texts: Sequence[str], spec: NgramSpec) -> csr_matrix:
    """How often each bucket occurs in each canonical text, over the square root of its n-grams' number.

    Returns:
        Shape (texts, buckets), float32.
    """
    parts = []
    prepare = preparation(spec)
    for chunk in chunks([prepare(text) for text in texts]):
        begins, orders, counts = ngram_buckets(chunk, spec)
        buckets = np.concatenate(orders)
        rows = np.repeat(np.arange(len(chunk)), np.diff(begins, append=len(orders[0])))
        rows = np.tile(rows, len(orders))
        real = buckets < spec.buckets
        rows, buckets = rows[real], buckets[real]
        values = (1.0 / np.sqrt(counts[rows])).astype(np.float32)
        # Building it from coordinates adds up what occurs more than once.
        part = csr_matrix((values, (rows, buckets.astype(np.int32))), shape=(len(chunk), spec.buckets))
        parts.append(part)
    return vstack(parts, format="csr")


def frequent_words(samples: Sequence[Sample], count: int) -> tuple[str, ...]:
    """So many words, the most frequent of the human texts: those that a distorted text keeps."""
    counts = Counter(words_in(prepared(sample.text) for sample in samples if not sample.is_machine))
    # Among equally frequent ones the alphabet decides, so that the order of the texts does not.
    return tuple(sorted(counts, key=lambda word: (-counts[word], word))[:count])


def balanced_weights(samples: Sequence[Sample]) -> NDArray[np.float64]:
    """A weight for each sample, with the sum 1, so that every family's humans and machines count alike.

    Within them an author counts by the square root of the number of his texts: alike would let one with few
    texts decide as much as one with thousands, each text alike would make of the few who post most all that
    is learned. A family without one of the labels would teach that its kind of text is the other, so it gets
    the weight that as many samples have on average.
    """
    keys = [(sample.family, sample.label) for sample in samples]
    whom = [
        (*key, sample.author or place) for place, (key, sample) in enumerate(zip(keys, samples, strict=True))
    ]
    posts = Counter(whom)
    raw = np.array([1.0 / math.sqrt(posts[who]) for who in whom])
    sizes = Counter(keys)
    sums: dict[tuple[str, str], float] = defaultdict(float)
    for key, weight in zip(keys, raw.tolist(), strict=True):
        sums[key] += weight
    both = {family for family, label in sizes if label == "human" and (family, "machine") in sizes}
    count_of_both = sum(size for (family, _), size in sizes.items() if family in both)
    each = count_of_both / max(1, 2 * len(both))
    share = {key: (each if key[0] in both else size) / sums[key] for key, size in sizes.items()}
    weights = raw * np.array([share[key] for key in keys])
    found: NDArray[np.float64] = weights / weights.sum()
    return found


def fit_logistic(
    features: csr_matrix, is_machine: NDArray[np.bool_], weights: NDArray[np.float64], penalty: float
) -> tuple[NDArray[np.float64], float]:
    """Minimises the weighted mean log loss plus `penalty` / 2 times the squared length of the coefficients.

    Args:
        features: shape (samples, buckets).
        is_machine: shape (samples,).
        weights: shape (samples,); their scale does not matter.
        penalty: above 0.

    Returns:
        The coefficients, shape (buckets,), and the intercept.
    """
    model = LogisticRegression(C=1.0 / penalty, max_iter=_ITERATIONS, tol=_TOLERANCE)
    model.fit(features, is_machine, sample_weight=weights / weights.sum())
    return model.coef_[0], float(model.intercept_[0])


def quantised(coefficients: NDArray[np.float64]) -> tuple[NDArray[np.int16], float]:
    """The coefficients as 16-bit integers, and what one of them is worth."""
    scale = max(float(np.abs(coefficients).max()), 1e-9) / _LARGEST_WEIGHT
    return np.rint(coefficients / scale).astype(np.int16), scale
