"""`evaluation.json`: all that was measured, from which the page and the model card are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
from msgspec import Struct

from worker.detector.calibration import Calibration
from worker.lab.bias.report import Bias
from worker.lab.evaluation.figures import Estimate, Figures
from worker.lab.lines import CorpusError
from worker.lab.robustness.report import Robustness

if TYPE_CHECKING:
    from pathlib import Path

EVALUATION: Final = "evaluation.json"
PAGE: Final = "evaluation.html"

Dimension = Literal[
    "all", "family", "source", "generator", "sampling", "domain", "language", "length", "author"
]


class DetectorFacts(Struct, frozen=True, kw_only=True):
    """Which detector was measured.

    Attributes:
        name: a short name for people.
        digest: of all that its word depends on.
        calibration: how its logits become probabilities, and where that holds.
        provenance: what its `detector.json` says of how it was made.
    """

    name: str
    digest: str
    calibration: Calibration
    provenance: dict[str, Any]


class DataFile(Struct, frozen=True, kw_only=True):
    """A file of labelled texts.

    Attributes:
        name: without its folder.
        sha256: of its bytes, as they are stored.
    """

    name: str
    sha256: str


class Method(Struct, frozen=True, kw_only=True):
    """How the figures came about.

    Attributes:
        seed: of every random choice.
        draws: of each bootstrap.
        confidence: of each interval.
        bins: of the calibration error.
        flagstaff: the version that measured.
        statements: one sentence for each choice a reader has to know.
    """

    seed: int
    draws: int
    confidence: float
    bins: int
    flagstaff: str
    statements: tuple[str, ...]


class Corpus(Struct, frozen=True, kw_only=True):
    """What was measured on.

    Attributes:
        files: where the texts come from.
        learned_from: what the detector learned from, as far as that was named.
        human: texts of humans that were measured.
        machine: texts of machines that were.
        learned: texts left out since the detector learned from them or from their document.
        failed: texts left out since the detector gave no logit for them.
        in_range: texts inside the calibrated range; the others are those on which Flagstaff abstains.
        prefixed: machine texts that begin with the same words as a human text of their document.
    """

    files: tuple[DataFile, ...]
    learned_from: tuple[DataFile, ...]
    human: int
    machine: int
    learned: int
    failed: int
    in_range: int
    prefixed: int


class Comparison(Struct, frozen=True, kw_only=True):
    """The baseline on the same texts.

    Attributes:
        auroc: the baseline's.
        gain: the detector's AUROC less the baseline's; both are taken from the same bootstrap draws.
    """

    auroc: Estimate
    gain: Estimate


class Slice(Struct, frozen=True, kw_only=True):
    """The texts that are alike in one regard.

    Slices by generator, sampling method and source hold the machine texts that are so and all human texts of
    the same family. In the others humans and machines alike are so.

    Attributes:
        dimension: in which regard.
        name: how they are alike; `not stated` for those that the data says nothing of.
        in_range: how many are inside the calibrated range.
        everywhere: figures of all of them.
        inside: figures of those inside the range; null where none or all are.
        baseline: the baseline beside it; null where there is none.
    """

    dimension: Dimension
    name: str
    in_range: int
    everywhere: Figures
    inside: Figures | None
    baseline: Comparison | None


class ReliabilityBin(Struct, frozen=True, kw_only=True):
    """A bin of the reliability curve.

    Attributes:
        texts: how many texts are in it.
        probability: their mean calibrated probability, weighted.
        machine: the share of them that a machine wrote, weighted.
    """

    texts: int
    probability: float
    machine: Estimate


class AuthorRecord(Struct, frozen=True, kw_only=True):
    """The mean logit of some posts of an author, machines against humans, each author counting alike.

    Attributes:
        authors: `all`, `seen` or `unseen` in training.
        posts: how many posts are averaged; of an author with fewer all are.
        human: how many authors are humans.
        machine: how many are machines.
        with_so_many: how many of them all have that many posts.
        auroc: with an interval over authors.
    """

    authors: Literal["all", "seen", "unseen"]
    posts: int
    human: int
    machine: int
    with_so_many: int
    auroc: Estimate


class TransferCell(Struct, frozen=True, kw_only=True):
    """Trained on one, tested on another.

    Attributes:
        human: human texts in the test.
        machine: machine texts in the test.
        auroc: of the test.
    """

    human: int
    machine: int
    auroc: Estimate


class TransferRow(Struct, frozen=True, kw_only=True):
    """One way to train.

    Attributes:
        trained_on: a column's name, or what stands in its place.
        human: human texts that it learned from, on average over the columns where it differs with them.
        machine: machine texts that it learned from, likewise.
        cells: in the order of the columns.
    """

    trained_on: str
    human: int
    machine: int
    cells: tuple[TransferCell, ...]


class Transfer(Struct, frozen=True, kw_only=True):
    """The transfer matrix of OpenAI's report "GPT-2: 1.5B Release" (2019): trained on down, tested on right.

    Attributes:
        by: what the rows and columns are.
        kind: of the detectors that were trained for it.
        files: where its texts come from.
        held_out: share of the documents and authors that was tested on.
        columns: what was tested on.
        rows: how it was trained.
        passed_over: those with too few texts.
    """

    by: Literal["generator", "sampling"]
    kind: Literal["linear"]
    files: tuple[DataFile, ...]
    held_out: float
    columns: tuple[str, ...]
    rows: tuple[TransferRow, ...]
    passed_over: tuple[str, ...]


class Evaluation(Struct, frozen=True, kw_only=True):
    """All that was measured of a detector.

    Attributes:
        version: of this form; a later one may have more fields.
        limits: one sentence for each thing that the detector can't do or that these figures can't tell.
        detector: which one.
        baseline: the second detector, measured on the same texts.
        method: how.
        corpus: on what.
        slices: the figures; the first is of all texts.
        reliability: the reliability curve of all texts, lowest probability first.
        authors: what an author's record adds.
        transfer: how well detectors do on what they were not trained on.
        robustness: what attacks change; null where it was not measured.
        bias: how often whose texts are flagged; null where it was not measured.
    """

    version: Literal[1]
    limits: tuple[str, ...]
    detector: DetectorFacts
    baseline: DetectorFacts | None
    method: Method
    corpus: Corpus
    slices: tuple[Slice, ...]
    reliability: tuple[ReliabilityBin, ...]
    authors: tuple[AuthorRecord, ...]
    transfer: tuple[Transfer, ...] = ()
    robustness: Robustness | None = None
    bias: Bias | None = None


def encoded(evaluation: Evaluation) -> bytes:
    """The evaluation as it stands in `evaluation.json`: the same bytes for the same figures."""
    return msgspec.json.format(msgspec.json.encode(evaluation), indent=2) + b"\n"


def read_evaluation(path: Path) -> Evaluation:
    """An evaluation that was written before.

    Raises:
        CorpusError: it can't be read, or is none.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Evaluation)
    except OSError as error:
        raise CorpusError(f"can't read {path}: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise CorpusError(f"{path} is no evaluation of this version of Flagstaff: {error}") from None
