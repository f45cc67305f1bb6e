"""What a detector can't do and what its figures can't tell, in sentences that follow from the figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.lab.evaluation.measured import EXPECTED_ABOVE
from worker.lab.evaluation.reliability import BINS
from worker.lab.evaluation.resampling import FEWEST_CLUSTERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.detector.calibration import Calibration
    from worker.lab.corpus import Sample
    from worker.lab.evaluation.report import Corpus, Slice

# An AUROC whose interval reaches down to this is not told from chance.
_CHANCE: Final = 0.5
_SAME_WORDS: Final = 10

METHOD: Final = (
    (
        "AUROC and the shares found at stated false positives are of the logit before calibration; accuracy, "
        "shares above the threshold, calibration error and Brier score are of the calibrated probability."
    ),
    (
        "Shares have the two-sided interval of Clopper and Pearson (1934), of as many independent texts as "
        "the texts of these authors and documents are worth (design effect of Rao and Scott 1992)."
    ),
    (
        "All else has the percentile interval of a bootstrap of whole authors, documents and texts with "
        "neither, drawn within each family of sources and kind of label; a pair of one document stays "
        f"together. Where humans or machines are of fewer than {FEWEST_CLUSTERS} authors or documents it is "
        "all that is possible."
    ),
    (
        "A threshold for a stated share of false positives is set by the same human texts, anew in each "
        f"draw; it takes so many that {EXPECTED_ABOVE} are expected above it."
    ),
    (
        f"Expected calibration error: up to {BINS} bins of equal mass. Its interval is biased upwards, as it "
        "is; what chance would make of it stands beside it (Bröcker and Smith 2007)."
    ),
    (
        "Calibration error, Brier score and reliability curve weigh texts so that in each family humans and "
        "machines count alike, as calibration supposes; families without one of them are left out. In slices "
        "by generator, sampling method and source they count alike within the slice."
    ),
    (
        "In slices by generator, sampling method and source, machine texts stand against all human texts of "
        "the same family; in the others humans are of the slice too."
    ),
)


def limits(calibration: Calibration, corpus: Corpus, slices: Sequence[Slice]) -> tuple[str, ...]:
    """The limits, the most important first.

    Args:
        calibration: of the detector.
        corpus: what was measured on.
        slices: the figures.
    """
    return tuple(_limits(calibration, corpus, slices))


def prefixed(samples: Sequence[Sample]) -> int:
    """How many machine texts begin with the same 10 words as a human text of their document."""
    begins = {
        (sample.doc, _begin(sample))
        for sample in samples
        if sample.doc and not sample.is_machine and len(_begin(sample)) == _SAME_WORDS
    }
    return sum(sample.is_machine and (sample.doc, _begin(sample)) in begins for sample in samples)


def _begin(sample: Sample) -> tuple[str, ...]:
    return tuple(sample.text.split(maxsplit=_SAME_WORDS)[:_SAME_WORDS])


def _limits(calibration: Calibration, corpus: Corpus, slices: Sequence[Slice]) -> Iterator[str]:
    texts = corpus.human + corpus.machine
    if calibration.fitted:
        most = f"to {calibration.max_tokens}" if calibration.max_tokens is not None else "and more"
        yield (
            f"Calibrated for texts of {calibration.min_tokens} {most} tokens in "
            f"{', '.join(calibration.languages) or 'no language'}. On others Flagstaff abstains: here on "
            f"{texts - corpus.in_range} of {texts} texts. Figures are of all texts; those of the texts in "
            "range alone stand beside them."
        )
    else:
        yield "It has no calibration: its probabilities mean nothing, and Flagstaff abstains on every text."
    if calibration.threshold is None:
        yield "It has no threshold, so nothing is said of what would be flagged."
    whole = slices[0].everywhere
    if whole.found is not None and whole.wrongly is not None:
        yield (
            f"Above the threshold are {100 * whole.found.value:.1f} % of the machines' texts and "
            f"{100 * whole.wrongly.value:.1f} % of the humans'. The shares differ between kinds of text, and "
            "a threshold does not carry over from one to another."
        )
    generators = [
        (one.name, one.everywhere.auroc)
        for one in slices
        if one.dimension == "generator" and one.everywhere.auroc is not None
    ]
    untold = [name for name, auroc in generators if (auroc.low, auroc.high) == (0.0, 1.0)]
    missed = [name for name, auroc in generators if auroc.low <= _CHANCE and name not in untold]
    if missed:
        yield f"Not told from humans beyond chance: {'; '.join(missed)}."
    if untold:
        yield (
            f"Of fewer than {FEWEST_CLUSTERS} authors or documents, so that nothing is known of others: "
            f"{'; '.join(untold)}."
        )
    if corpus.prefixed:
        yield (
            f"{corpus.prefixed} of {corpus.machine} machine texts begin with the same {_SAME_WORDS} words as "
            "the human text of their document: they were prompted with it, and so much of them is a human's."
        )
    if not corpus.learned_from:
        yield (
            "What the detector learned from was not named (--learned-from): texts and authors that it knows "
            "may be among these."
        )
    if corpus.failed:
        yield f"The detector failed on {corpus.failed} texts, which count in no figure."
    yield (
        "The figures hold for these texts. On other generators, topics, languages and edited texts the "
        "detector may do better or worse; newer generators pass for a human more easily."
    )
