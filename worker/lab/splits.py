"""Splits that no author and no document straddles, the same in every run."""

from __future__ import annotations

from collections import defaultdict
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.lab.corpus import Sample


def hold_out(samples: Sequence[Sample], share: float, seed: int) -> tuple[list[Sample], list[Sample]]:
    """(the rest, a share that is held out): of the authors, the documents and the texts with neither.

    Authors are few and differ in how much they post, so the share is taken of the authors of each label.
    """
    chosen: set[str] = set()
    for authors in _authors_by_label(samples, seed):
        chosen.update(authors[: round(share * len(authors))])
    kept: list[Sample] = []
    held: list[Sample] = []
    for sample in samples:
        out = sample.author in chosen if sample.author else _unit(sample.group, seed) < share
        (held if out else kept).append(sample)
    return kept, held


def folds(samples: Sequence[Sample], count: int, seed: int) -> list[int]:
    """The fold of each sample, from 0 to count - 1. The authors of each label are dealt out evenly."""
    dealt: dict[str, int] = {}
    for authors in _authors_by_label(samples, seed):
        dealt.update((author, position % count) for position, author in enumerate(authors))
    return [
        dealt[sample.author] if sample.author else int(_unit(sample.group, seed) * count)
        for sample in samples
    ]


def _authors_by_label(samples: Sequence[Sample], seed: int) -> list[list[str]]:
    """The authors in an order that only the seed decides; one with both labels stands with the first seen."""
    label_of: dict[str, str] = {}
    for sample in samples:
        if sample.author:
            label_of.setdefault(sample.author, sample.label)
    by_label: dict[str, list[str]] = defaultdict(list)
    for author, label in label_of.items():
        by_label[label].append(author)
    return [sorted(by_label[label], key=lambda author: _unit(author, seed)) for label in sorted(by_label)]


def _unit(group: str, seed: int) -> float:
    """A number from 0 to below 1 that depends on the group and the seed alone."""
    digest = blake2b(group.encode(), digest_size=8, salt=seed.to_bytes(8, "big")).digest()
    return int.from_bytes(digest, "big") / 2**64
