"""Labelled texts: read from JSON lines, canonical, each once."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct, field

from worker.lab.lines import read_lines
from worker.text import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class Sample(Struct, frozen=True, kw_only=True):
    """A text and who wrote it. Other fields of a line are ignored.

    Attributes:
        text: canonical.
        label: `human` or `machine`.
        source: where it comes from; what stands before a colon is its family.
        generator: the model that wrote it, where that is known.
        author: the account that posted it.
        doc: the document that it, or what it was generated from, belongs to.
        sampling: how its generator was sampled.
        domain: what kind of text it is.
        lang: its language, as BCP 47 has it.
        groups: what groups of people its author belongs to, by what they are groups of (`dialect`); for
            measuring whether a detector treats them alike.
    """

    text: str
    label: Literal["human", "machine"]
    source: str
    generator: str | None = None
    author: str | None = None
    doc: str | None = None
    sampling: str | None = None
    domain: str | None = None
    lang: str | None = None
    groups: dict[str, str] = field(default_factory=dict)

    @property
    def family(self) -> str:
        """The source without what follows a colon: texts that were gathered alike."""
        return self.source.partition(":")[0]

    @property
    def is_machine(self) -> bool:
        """Whether a machine wrote it."""
        return self.label == "machine"

    @property
    def group(self) -> str:
        """What must not stand on two sides of a split: the author, else the document, else the text."""
        return self.author or self.doc or self.text


def read_samples(paths: Iterable[Path]) -> list[Sample]:
    """The samples of JSON-lines files, gzipped where the name ends in `.gz`, each once.

    Raises:
        CorpusError: a file can't be read or a line is no sample; the message names both.
    """
    return each_once(
        msgspec.structs.replace(sample, text=canonical(sample.text))
        for path in paths
        for _, sample in read_lines(path, Sample, "labelled text")
    )


def each_once(samples: Iterable[Sample]) -> list[Sample]:
    """Samples without repetitions.

    Of several texts with the same document, label, generator and sampling the first stays, since they differ
    in length alone; of equal texts the first stays, and none where their labels differ. Empty texts are left
    out.
    """
    by_text: dict[str, Sample] = {}
    disputed: set[str] = set()
    documents: set[tuple[str | None, ...]] = set()
    for sample in samples:
        if sample.doc is not None:
            document = (sample.doc, sample.label, sample.generator, sample.sampling)
            if document in documents:
                continue
            documents.add(document)
        if by_text.setdefault(sample.text, sample).label != sample.label:
            disputed.add(sample.text)
    return [sample for text, sample in by_text.items() if text and text not in disputed]


def counts_by_source(samples: Iterable[Sample]) -> dict[str, int]:
    """How many texts of each source and label there are, as provenance states it."""
    return dict(sorted(Counter(f"{one.source}, {one.label}" for one in samples).items()))
