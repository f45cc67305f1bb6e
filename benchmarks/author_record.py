"""What the author's record adds to a single post, on authors that the detector has not seen.

    python -m benchmarks.author_record ../shared/data/tweets.train.jsonl.gz

The authors of each label are dealt into four folds: two to train a character n-gram baseline on, one to
calibrate it, one to measure on; every rotation, several deals. Records are read by the real signal from a
real Valkey, an author's posts in random order, a minute apart. Only posts with a record are compared.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from sklearn.metrics import roc_auc_score

from worker.detector.calibration import Calibration
from worker.detector.constant import ConstantDetector
from worker.detector.ngrams import NgramSpec
from worker.embedded import EmbeddedValkey
from worker.lab.corpus import Sample, read_samples
from worker.lab.fitting import balanced_weights, feature_matrix, fit_logistic
from worker.lab.splits import folds
from worker.policy import load_policy
from worker.records import Author, Post
from worker.redis_link import RedisLink
from worker.settings import RedisSettings, SignalSettings
from worker.signals.facts import Facts, milliseconds
from worker.signals.readings import SignalSet
from worker.text import text_digest

SEEDS = 4
FOLDS = 4
MOST_POSTS = 400
LENGTHS = (10, 30, 100, 400)
START = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = NgramSpec(bits=16)


class Measured(NamedTuple):
    """Of the posts of one rotation's authors: place in the author's row, label, log-odds, record, author."""

    place: np.ndarray
    machine: np.ndarray
    single: np.ndarray
    record: np.ndarray
    author: np.ndarray


def main(path: Path) -> None:
    """Prints the table."""
    samples = [one for one in read_samples([path]) if one.author]
    weight = load_policy().signals.author_record
    assert weight is not None  # noqa: S101 - the default policy has one
    with TemporaryDirectory() as folder, EmbeddedValkey(Path(folder), keep=False) as valkey:
        link = RedisLink(RedisSettings(url=valkey.url, timeout_ms=5_000))
        rotations = [rotation(samples, seed, turn, link) for seed in range(SEEDS) for turn in range(FOLDS)]
        link.close()
    authors = len({one.author for one in samples})
    print(f"{authors} authors, {len(rotations)} rotations; weight {weight.weight}; means over rotations")
    print("posts an author   single   with record   authors alike: single   with record")
    for length in LENGTHS:
        rows = [compared(one, length, weight.weight) for one in rotations]
        print(f"{length:15}", *(f"{value:12.3f}" for value in np.mean(rows, axis=0)))


def rotation(samples: list[Sample], seed: int, turn: int, link: RedisLink) -> Measured:
    """Trains, calibrates, and reads the record of every post of the fourth fold."""
    fold = (np.array(folds(samples, FOLDS, seed)) + turn) % FOLDS
    chosen = np.array(first_posts(samples, seed))
    texts = [one.text for one in samples]
    machine = np.array([one.is_machine for one in samples])
    learn, tune, test = (np.flatnonzero(chosen & part) for part in (fold < 2, fold == 2, fold == 3))
    features = feature_matrix(texts, SPEC)
    coefficients, bias = fit_logistic(
        features[learn], machine[learn], balanced_weights([samples[n] for n in learn]), 3e-5
    )
    logits = features @ coefficients + bias
    slope, intercept = fit_logistic(
        logits[tune][:, None], machine[tune], alike([samples[n] for n in tune]), 1e-4
    )
    calibration = Calibration(fitted=True, slope=float(slope[0]), intercept=intercept, languages=("en",))
    detector = ConstantDetector()
    detector.calibration = calibration
    detector.digest = f"{seed}.{turn}"
    settings = SignalSettings(enabled=("author_record",))
    signals = SignalSet(settings, detector, link=link, prefix="benchmark")
    rows = by_author(test, samples, seed)
    facts = [
        made(samples[n], texts[n], place, f"{n}", float(logits[n]))
        for row in rows
        for place, n in enumerate(row)
    ]
    values = [reading[0] for reading in signals.read(facts) if not isinstance(reading, Exception)]
    order = [n for row in rows for n in row]
    return Measured(
        place=np.array([place for row in rows for place in range(len(row))]),
        machine=machine[order],
        single=calibration.slope * logits[order] + calibration.intercept,
        record=np.array([np.nan if value is None else value for value in values]),
        author=np.array([samples[n].author for n in order]),
    )


def compared(measured: Measured, length: int, weight: float) -> tuple[float, float, float, float]:
    """AUROC over posts of the log-odds alone and with the record; then the same, authors counting alike."""
    some = (measured.place < length) & ~np.isnan(measured.record)
    machine, single = measured.machine[some], measured.single[some]
    both = single + weight * measured.record[some]
    authors, place, counts = np.unique(measured.author[some], return_inverse=True, return_counts=True)
    assert len(authors) > 1  # noqa: S101 - a fold has several
    each = 1 / counts[place]
    return (
        roc_auc_score(machine, single),
        roc_auc_score(machine, both),
        roc_auc_score(machine, single, sample_weight=each),
        roc_auc_score(machine, both, sample_weight=each),
    )


def first_posts(samples: list[Sample], seed: int) -> list[bool]:
    """At most `MOST_POSTS` of each author, drawn at random."""
    left: dict[str | None, int] = defaultdict(lambda: MOST_POSTS)
    order = list(range(len(samples)))
    Random(seed).shuffle(order)  # noqa: S311 - an order of posts, no secret
    chosen = [False] * len(samples)
    for n in order:
        left[samples[n].author] -= 1
        chosen[n] = left[samples[n].author] >= 0
    return chosen


def by_author(numbers: np.ndarray, samples: list[Sample], seed: int) -> list[list[int]]:
    """The samples of each author in a random order."""
    rows: dict[str | None, list[int]] = defaultdict(list)
    for n in numbers:
        rows[samples[n].author].append(int(n))
    for row in rows.values():
        Random(seed).shuffle(row)  # noqa: S311 - as above
    return list(rows.values())


def alike(samples: list[Sample]) -> np.ndarray:
    """Weights that let the labels, and within one its authors, count alike."""
    posts: dict[str | None, int] = defaultdict(int)
    authors: dict[str, set[str | None]] = defaultdict(set)
    for one in samples:
        posts[one.author] += 1
        authors[one.label].add(one.author)
    return np.array([1 / posts[one.author] / len(authors[one.label]) for one in samples])


def made(sample: Sample, text: str, place: int, number: str, logit: float) -> Facts:
    """A post that many minutes after the start."""
    at = START + timedelta(minutes=place)
    post = Post(number, text, at, author=Author(str(sample.author)))
    return Facts(post, milliseconds(at), text, text_digest(text), logit=logit, tokens=len(text), covered=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
