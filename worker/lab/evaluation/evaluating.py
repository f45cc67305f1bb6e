"""Measures a detector on labelled texts: from the texts to an `Evaluation`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from worker import __version__
from worker.lab.bias.measuring import bias
from worker.lab.evaluation.author_record import author_records
from worker.lab.evaluation.learned import learned_from
from worker.lab.evaluation.limits import METHOD, limits, prefixed
from worker.lab.evaluation.measured import measure, reliability_curve
from worker.lab.evaluation.reliability import BINS
from worker.lab.evaluation.report import Corpus, DetectorFacts, Evaluation, Method
from worker.lab.evaluation.scored import score
from worker.lab.evaluation.selection import selections
from worker.lab.intervals import CONFIDENCE
from worker.lab.lines import CorpusError
from worker.lab.robustness.measuring import robustness

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.detector.protocol import Detector
    from worker.lab.bias.report import Bias, BiasGate
    from worker.lab.corpus import Sample
    from worker.lab.evaluation.learned import Learned
    from worker.lab.evaluation.report import DataFile, Slice
    from worker.lab.evaluation.scored import Scored

DRAWS: Final = 1_000

# Shows how much of a total is done, as `worker.commands.progress` does.
Progress: TypeAlias = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


class Subject(NamedTuple):
    """A detector to measure.

    Attributes:
        detector: it.
        provenance: what its `detector.json` says of how it was made.
    """

    detector: Detector
    provenance: dict[str, Any]

    @property
    def facts(self) -> DetectorFacts:
        """What the report says of it."""
        return DetectorFacts(
            name=self.detector.name,
            digest=self.detector.digest,
            calibration=self.detector.calibration,
            provenance=self.provenance,
        )


class Texts(NamedTuple):
    """Labelled texts and the files that they are from."""

    samples: list[Sample]
    files: tuple[DataFile, ...]


class Request(NamedTuple):
    """What is to be measured.

    Attributes:
        subject: which detector.
        baseline: a second one, on the same texts; None: none.
        texts: on what.
        learned: the texts that the detector was given to learn from; None: not known.
        gate: what the bias must not be; None: nothing fails.
        attacks: whether robustness is measured.
        groups: whether bias is measured.
        token_budget: most tokens at once, None for what the detector likes best.
        draws: of each bootstrap.
        seed: of every random choice.
    """

    subject: Subject
    baseline: Subject | None
    texts: Texts
    learned: Texts | None
    gate: BiasGate | None
    attacks: bool
    groups: bool
    token_budget: int | None
    draws: int
    seed: int


def evaluated(request: Request, progress: Progress, report: Callable[[str], None]) -> Evaluation:
    """Measures all but the transfer matrix, which is not of this detector.

    Args:
        request: what.
        progress: shows how much is done.
        report: told what is being done.

    Raises:
        CorpusError: there are no texts to measure on, or too few for what was asked.
    """
    learned = None
    if request.learned is not None:
        learned = learned_from(request.learned.samples, request.subject.provenance)
    samples = [one for one in request.texts.samples if learned is None or not learned.has(one)]
    if not samples:
        raise CorpusError(
            f"evaluate: nothing is left to measure on: of {len(request.texts.samples)} texts the detector "
            "learned from all"
        )
    scored = _scored(request, samples, progress)
    slices = _slices(request, scored, learned, progress)
    corpus = _corpus(request, len(samples), scored)
    report("evaluate: reliability and authors")
    calibration = request.subject.detector.calibration
    return Evaluation(
        version=1,
        limits=limits(calibration, corpus, slices),
        detector=request.subject.facts,
        baseline=request.baseline.facts if request.baseline is not None else None,
        method=Method(
            seed=request.seed,
            draws=request.draws,
            confidence=CONFIDENCE,
            bins=BINS,
            flagstaff=__version__,
            statements=METHOD,
        ),
        corpus=corpus,
        slices=tuple(slices),
        reliability=reliability_curve(scored, draws=request.draws, seed=request.seed),
        authors=tuple(author_records(scored, learned, draws=request.draws, seed=request.seed)),
        robustness=robustness(
            request.subject.detector,
            scored.samples,
            seed=request.seed,
            token_budget=request.token_budget,
            report=report,
        )
        if request.attacks
        else None,
        bias=_bias(request, scored.samples, report),
    )


def _scored(request: Request, samples: Sequence[Sample], progress: Progress) -> Scored:
    detector = request.subject.detector
    with progress(f"texts to {detector.name}", len(samples)) as done:
        scored = score(detector, samples, request.token_budget, done)
    if request.baseline is None:
        return scored
    other = request.baseline.detector
    with progress(f"texts to {other.name}", len(scored.samples)) as done:
        return scored.beside(score(other, scored.samples, request.token_budget, done))


def _slices(request: Request, scored: Scored, learned: Learned | None, progress: Progress) -> list[Slice]:
    chosen = list(selections(scored, learned))
    slices = []
    with progress("slices", len(chosen)) as done:
        for number, selection in enumerate(chosen, 1):
            slices.append(measure(scored, selection, draws=request.draws, seed=request.seed))
            done(number)
    return slices


def _corpus(request: Request, asked: int, scored: Scored) -> Corpus:
    machines = int(scored.machine.sum())
    return Corpus(
        files=request.texts.files,
        learned_from=request.learned.files if request.learned is not None else (),
        human=len(scored.samples) - machines,
        machine=machines,
        learned=len(request.texts.samples) - asked,
        failed=asked - len(scored.samples),
        in_range=int(scored.covered.sum()),
        prefixed=prefixed(scored.samples),
    )


def _bias(request: Request, samples: Sequence[Sample], report: Callable[[str], None]) -> Bias | None:
    if not request.groups:
        return None
    return bias(
        request.subject.detector,
        samples,
        gate=request.gate,
        seed=request.seed,
        token_budget=request.token_budget,
        report=report,
    )
