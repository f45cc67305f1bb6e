"""A generator used in another way: decoded against a detector, or fine-tuned."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from worker.lab.intervals import aurocs, clustered_rate, estimate, means, numbered
from worker.lab.robustness.report import DecodingOutcome

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from worker.lab.corpus import Sample
    from worker.lab.evaluation.figures import Rate
    from worker.lab.evaluation.scored import Scored

# What `sampling` and `generator` begin or end with where the generator's use is another.
ADVERSARIAL: Final = "adversarial"
FINE_TUNED: Final = "fine-tuned"


class _Use(NamedTuple):
    family: str
    generator: str
    source: str
    is_other: bool


class _Texts(NamedTuple):
    scored: Scored
    flagged: NDArray[np.bool_]
    clusters: NDArray[np.int64]
    drawn: NDArray[np.float64]

    def aurocs(
        self, human: NDArray[np.int64], machine: NDArray[np.int64], times: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        logits = self.scored.logits
        return aurocs(logits[human], logits[machine], times[:, human], times[:, machine])

    def found(self, where: NDArray[np.int64]) -> Rate:
        return clustered_rate(self.flagged[where], self.clusters[where])


def decodings(
    scored: Scored, flagged: NDArray[np.bool_], drawn: NDArray[np.float64]
) -> tuple[DecodingOutcome, ...]:
    """Each other use of a generator, beside each plain use of the same generator in the same family.

    Another use is a source with a `sampling` that begins with `adversarial`, or a `generator` that is that of
    the plain one and ` fine-tuned`.

    Args:
        scored: texts of humans and machines.
        flagged: whether each is flagged, shape (texts,).
        drawn: how often each is in each bootstrap draw, shape (draws, texts).
    """
    samples = scored.samples
    uses: dict[_Use, list[int]] = defaultdict(list)
    for at, sample in enumerate(samples):
        if (use := _use(sample)) is not None:
            uses[use].append(at)
    families = np.array([one.family for one in samples])
    texts = _Texts(scored, flagged, numbered([one.group for one in samples]), drawn)
    outcomes = []
    for other, others in sorted(uses.items()):
        human = np.flatnonzero((families == other.family) & ~scored.machine)
        if not other.is_other or not len(human):
            continue
        outcomes += [
            _outcome(texts, human, np.array(theirs), np.array(others))
            for plain, theirs in sorted(uses.items())
            if not plain.is_other and plain[:2] == other[:2]
        ]
    return tuple(outcomes)


def _use(sample: Sample) -> _Use | None:
    if not sample.is_machine or sample.generator is None:
        return None
    base = sample.generator.removesuffix(FINE_TUNED).strip()
    is_other = base != sample.generator or (sample.sampling or "").startswith(ADVERSARIAL)
    return _Use(sample.family, base, sample.source, is_other)


def _outcome(
    texts: _Texts, human: NDArray[np.int64], plain: NDArray[np.int64], other: NDArray[np.int64]
) -> DecodingOutcome:
    samples, logits, drawn = texts.scored.samples, texts.scored.logits, texts.drawn
    once = np.ones((1, len(samples)))
    before, after = (float(texts.aurocs(human, one, once)[0]) for one in (plain, other))
    drawn_before, drawn_after = (texts.aurocs(human, one, drawn) for one in (plain, other))
    first = samples[other[0]]
    return DecodingOutcome(
        family=first.family,
        generator=str(first.generator),
        reference=samples[plain[0]].source,
        other=first.source,
        how=first.sampling,
        human=len(human),
        reference_texts=len(plain),
        other_texts=len(other),
        reference_auroc=estimate(before, drawn_before),
        other_auroc=estimate(after, drawn_after),
        auroc_change=estimate(after - before, drawn_after - drawn_before),
        reference_found=texts.found(plain),
        other_found=texts.found(other),
        shift=estimate(
            float(logits[other].mean() - logits[plain].mean()),
            means(logits[other], drawn[:, other]) - means(logits[plain], drawn[:, plain]),
        ),
    )
