"""The figures of an evaluation as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.lab.card.document import Paragraph, Table
from worker.lab.card.wording import NOT_MEASURED, change, number, percent, share

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.lab.card.document import Block
    from worker.lab.evaluation.figures import Figures
    from worker.lab.evaluation.report import Evaluation, Slice, Transfer
    from worker.lab.robustness.report import Robustness

_SLICE_HEAD: Final = (
    "texts", "machine", "human", "AUROC", "found", "wrongly", "found at 5 % wrongly", "found at 1 % wrongly",
    "calibration error",
)  # fmt: skip
_SHARES: Final = (0.05, 0.01)


def unitary(evaluation: Evaluation | None) -> Iterator[Block]:
    """The figures by one regard at a time, and of records, transfer and attacks."""
    if evaluation is None:
        yield Paragraph(f"Figures: {NOT_MEASURED}.")
        return
    yield Paragraph(
        "Found and wrongly are the shares of the machines' and of the humans' texts above the threshold. In "
        f"brackets: intervals at {100 * evaluation.method.confidence:g} %."
    )
    for dimension in dict.fromkeys(one.dimension for one in evaluation.slices):
        slices = [one for one in evaluation.slices if one.dimension == dimension]
        caption = "All texts." if dimension == "all" else f"By {dimension}."
        yield Table(caption, _SLICE_HEAD, tuple(_slice_row(one) for one in slices))
    if evaluation.baseline is not None:
        yield _against_baseline(evaluation, evaluation.baseline.name)
    yield _records(evaluation)
    for transfer in evaluation.transfer:
        yield _transfer(transfer)
    yield from _robustness(evaluation.robustness)


def _slice_row(one: Slice) -> tuple[str, ...]:
    figures = one.everywhere
    return (
        one.name,
        str(figures.machine),
        str(figures.human),
        number(figures.auroc),
        percent(figures.found),
        percent(figures.wrongly),
        *(_found_at(figures, share_wrongly) for share_wrongly in _SHARES),
        number(figures.calibration_error),
    )


def _found_at(figures: Figures, false_positives: float) -> str:
    found = [one.rate for one in figures.found_at if one.false_positives == false_positives]
    return percent(found[0]) if found else NOT_MEASURED


def _against_baseline(evaluation: Evaluation, name: str) -> Table:
    rows = tuple(
        (f"{one.dimension}: {one.name}", number(one.baseline.auroc), change(one.baseline.gain))
        for one in evaluation.slices
        if one.baseline is not None
    )
    return Table(f"Beside {name}, on the same texts.", ("texts", f"AUROC of {name}", "gain"), rows)


def _records(evaluation: Evaluation) -> Block:
    if not evaluation.authors:
        return Paragraph(f"Several posts of an author together: {NOT_MEASURED}.")
    rows = tuple(
        (f"{one.authors}, {one.posts}", str(one.machine), str(one.human), number(one.auroc))
        for one in evaluation.authors
    )
    return Table(
        "The mean logit of several posts of an author, each author counting alike.",
        ("authors, posts averaged", "machine authors", "human authors", "AUROC"),
        rows,
    )


def _transfer(transfer: Transfer) -> Table:
    return Table(
        f"Transfer between detectors of kind {transfer.kind}, not this one: trained on down, tested on "
        f"right, by {transfer.by}; AUROC.",
        ("trained on", *transfer.columns),
        tuple((row.trained_on, *(number(cell.auroc) for cell in row.cells)) for row in transfer.rows),
    )


def _robustness(found: Robustness | None) -> Iterator[Block]:
    if found is None:
        yield Paragraph(f"Robustness: {NOT_MEASURED}.")
        return
    whole = found.unattacked
    rows = [("none", "", "", number(whole.auroc), percent(whole.found), percent(whole.wrongly), "")]
    rows += [
        (
            one.attack if one.defended else f"{one.attack}, without the canonical form",
            one.what,
            share(one.undone),
            f"{one.auroc.value:.3f}, {change(one.auroc_change)}",
            percent(one.found),
            percent(one.wrongly),
            change(one.shift) if one.shift is not None else "no text is changed",
        )
        for one in found.attacks
    ]
    yield Table(
        f"Robustness, on {whole.machine} machine and {whole.human} human texts inside the calibrated range. "
        "AUROC of attacked machine texts against human texts as they are, and its change; wrongly: of "
        "attacked human texts.",
        (
            "attack",
            "what it does",
            "undone by the canonical form",
            "AUROC",
            "found",
            "wrongly",
            "logit shift",
        ),
        tuple(rows),
        words=(0, 1),
    )
    if found.decodings:
        yield Table(
            "The same generator used in another way.",
            ("texts", "how", "beside", "AUROC", "theirs", "change", "found", "found of theirs"),
            tuple(
                (
                    one.other, one.how or NOT_MEASURED, one.reference, number(one.other_auroc),
                    number(one.reference_auroc), change(one.auroc_change), percent(one.other_found),
                    percent(one.reference_found),
                )
                for one in found.decodings
            ),
            words=(0, 1, 2),
        )  # fmt: skip
