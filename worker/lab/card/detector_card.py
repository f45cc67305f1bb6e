"""A detector's model card, in the sections of Mitchell et al. (2019), "Model Cards for Model Reporting"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.lab.card.analyses import unitary
from worker.lab.card.bias_tables import by_group
from worker.lab.card.document import Bullets, Card, Paragraph, Section, Table
from worker.lab.card.facts import Subject, calibration_points, flattened
from worker.lab.card.wording import NOT_MEASURED, NOT_STATED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.detector.checkpoint import Manifest
    from worker.lab.card.document import Block
    from worker.lab.card.prose import DetectorProse
    from worker.lab.evaluation.report import DataFile, Evaluation


def detector_card(manifest: Manifest | None, evaluation: Evaluation | None, prose: DetectorProse) -> Card:
    """The card, the same for the same input.

    Args:
        manifest: the detector's `detector.json`; None: what the evaluation says of it has to do.
        evaluation: what was measured; None: nothing was.
        prose: what can't be measured.

    Raises:
        ValueError: both are missing, or they are not of one detector.
    """
    subject = Subject.of(manifest, evaluation)
    return Card(
        title=f"Model card: {subject.name}",
        limits=_limits(subject, evaluation),
        sections=(
            Section("Model details", tuple(_details(subject, prose))),
            Section("Intended use", tuple(_intended_use(prose))),
            Section("Factors", tuple(_factors(evaluation))),
            Section("Metrics", tuple(_metrics(subject, evaluation))),
            Section("Evaluation data", tuple(_evaluation_data(evaluation, prose))),
            Section("Training data", tuple(_training_data(subject, evaluation, prose))),
            Section("Quantitative analyses", tuple(_analyses(evaluation))),
            Section("Ethical considerations", tuple(_ethics(evaluation, prose))),
            Section("Caveats and recommendations", (Bullets(prose.recommendations),)),
        ),
    )


def _limits(subject: Subject, evaluation: Evaluation | None) -> tuple[str, ...]:
    first = "A score is evidence and no proof. Staff decide, never the score alone."
    if evaluation is not None:
        return (first, *evaluation.limits)
    return (
        first,
        "It was not measured on anything that this card knows of.",
        *calibration_points(subject.calibration),
    )


def _details(subject: Subject, prose: DetectorProse) -> Iterator[Block]:
    yield Bullets(
        (
            f"Name: {subject.name}",
            "It estimates whether a language model wrote a text.",
            f"Kind: {subject.kind}",
            f"Digest: {subject.digest or NOT_MEASURED}",
            f"Owners: {prose.owners}",
            f"Contact: {prose.contact}",
            f"Date: {prose.date}",
            f"Licence: {prose.licence}",
            f"Citation: {prose.citation}",
        )
    )
    yield Bullets(calibration_points(subject.calibration))


def _intended_use(prose: DetectorProse) -> Iterator[Block]:
    yield Paragraph("Meant for:")
    yield Bullets(prose.uses)
    yield Paragraph("Meant for the hands of:")
    yield Bullets(prose.users)
    yield Paragraph("Not for:")
    yield Bullets(prose.out_of_scope)


def _factors(evaluation: Evaluation | None) -> Iterator[Block]:
    yield Paragraph(
        "How well it does depends on the generator and how it was sampled, on a text's length, language and "
        "domain, on edits after it was written, and on whether it learned from other texts of the author."
    )
    if evaluation is None:
        yield Paragraph(f"Factors: {NOT_MEASURED}.")
        return
    measured = [one for one in dict.fromkeys(one.dimension for one in evaluation.slices) if one != "all"]
    yield Paragraph(f"Measured apart, by: {', '.join(measured) or 'nothing'}.")
    questions: list[str] = []
    if evaluation.bias is not None:
        questions = list(dict.fromkeys(f"{one.of} ({one.basis})" for one in evaluation.bias.groups))
    yield Paragraph(f"Groups of people, by: {', '.join(questions) or NOT_MEASURED}.")


def _metrics(subject: Subject, evaluation: Evaluation | None) -> Iterator[Block]:
    threshold = subject.calibration.threshold
    yield Paragraph(
        "AUROC, shares found at stated shares of false positives, calibration error, Brier score. Threshold: "
        f"{NOT_MEASURED if threshold is None else f'{threshold:.4f}'}, a calibrated probability."
    )
    if evaluation is not None:
        method = evaluation.method
        yield Bullets(method.statements)
        yield Paragraph(
            f"Flagstaff {method.flagstaff}, seed {method.seed}, {method.draws} bootstrap draws, intervals at "
            f"{100 * method.confidence:g} %, up to {method.bins} bins."
        )


def _evaluation_data(evaluation: Evaluation | None, prose: DetectorProse) -> Iterator[Block]:
    if evaluation is None:
        yield Paragraph(f"Evaluation data: {NOT_MEASURED}.")
        return
    corpus = evaluation.corpus
    yield _files("The files.", corpus.files)
    yield Bullets(
        (
            f"Human texts: {corpus.human}; machine texts: {corpus.machine}.",
            f"Inside the calibrated range: {corpus.in_range}.",
            f"Left out since it learned from them or their document: {corpus.learned}.",
            f"Left out since it failed on them: {corpus.failed}.",
        )
    )
    yield from _said(prose.evaluation_data, "Why these, how they were prepared, and their licences")


def _training_data(subject: Subject, evaluation: Evaluation | None, prose: DetectorProse) -> Iterator[Block]:
    if subject.provenance:
        yield Table(
            "What its detector.json says of it.",
            ("what", "value"),
            tuple(flattened(subject.provenance)),
            (0, 1),
        )
    else:
        yield Paragraph(f"What its detector.json says of it: {NOT_STATED}.")
    if evaluation is not None and evaluation.corpus.learned_from:
        yield _files("Files that were named as learned from.", evaluation.corpus.learned_from)
    yield from _said(prose.training_data, "Where they come from, and their licences")


def _analyses(evaluation: Evaluation | None) -> Iterator[Block]:
    yield from unitary(evaluation)
    yield from by_group(None if evaluation is None else evaluation.bias)


def _ethics(evaluation: Evaluation | None, prose: DetectorProse) -> Iterator[Block]:
    yield Bullets(prose.ethics)
    if evaluation is not None and evaluation.bias is not None:
        yield Paragraph("What the bias figures can't tell:")
        yield Bullets(evaluation.bias.limits)


def _files(caption: str, files: Sequence[DataFile]) -> Table:
    return Table(caption, ("file", "sha256"), tuple((one.name, one.sha256) for one in files), (0, 1))


def _said(points: tuple[str, ...], what: str) -> Iterator[Block]:
    yield Bullets(points) if points else Paragraph(f"{what}: {NOT_STATED}.")
