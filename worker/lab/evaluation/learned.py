"""What a detector learned from: nothing is measured on that, and its authors are told apart."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from worker.lab.corpus import counts_by_source
from worker.lab.splits import hold_out

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from worker.lab.corpus import Sample


class Learned(NamedTuple):
    """What a detector learned from.

    Attributes:
        authors: whose texts.
        documents: which documents.
        texts: which texts.
    """

    authors: frozenset[str]
    documents: frozenset[str]
    texts: frozenset[str]

    def has(self, sample: Sample) -> bool:
        """Whether it learned from this text, or from another of its document."""
        return sample.text in self.texts or (sample.doc is not None and sample.doc in self.documents)


def learned_from(samples: Sequence[Sample], provenance: Mapping[str, Any]) -> Learned:
    """What a detector learned from, of the texts that it was given.

    Training holds out a share of the texts it is given. Where the provenance says which share, by which seed,
    and the counts it gives are those of that split, what was held out does not count as learned from; what
    training was stopped by does.

    Args:
        samples: the texts it was given.
        provenance: what its `detector.json` says of how it was made.
    """
    kept = _kept(samples, provenance)
    return Learned(
        authors=frozenset(sample.author for sample in kept if sample.author),
        documents=frozenset(sample.doc for sample in kept if sample.doc),
        texts=frozenset(sample.text for sample in kept),
    )


def _kept(samples: Sequence[Sample], provenance: Mapping[str, Any]) -> Sequence[Sample]:
    recipe = provenance.get("recipe")
    if not isinstance(recipe, dict):
        return samples
    share, seed = recipe.get("hold_out"), recipe.get("seed")
    if not isinstance(share, float) or not isinstance(seed, int):
        return samples
    kept, _ = hold_out(samples, share, seed)
    said: Counter[str] = Counter()
    for part in ("learned_from", "validated_on"):
        counts = provenance.get(part)
        said.update(counts if isinstance(counts, dict) else {})
    return kept if counts_by_source(kept) == said else samples
