"""The bias figures as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.lab.card.document import Bullets, Paragraph, Table
from worker.lab.card.wording import NOT_MEASURED, change, percent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.lab.bias.report import Bias, GroupOutcome
    from worker.lab.card.document import Block


def by_group(found: Bias | None) -> Iterator[Block]:
    """How often human texts are flagged, by group; the outcome of the gate."""
    if found is None:
        yield Paragraph(f"Bias: {NOT_MEASURED}.")
        return
    yield Paragraph(
        f"Of {found.humans} human texts inside the calibrated range {percent(found.wrongly)} are flagged; "
        f"{found.outside} more are outside it."
    )
    yield _gate(found)
    if found.failures:
        yield Bullets(tuple(f"{one.of}, {one.group}: {one.why}" for one in found.failures))
    stated = [one for one in found.groups if one.basis == "stated"]
    if stated:
        yield _groups("By what the data state of the authors.", stated)
    else:
        yield Paragraph(f"By what the data state of the authors: {NOT_MEASURED}, as they state nothing.")
    yield _groups(
        "By groups that the texts mention, whoever wrote them.",
        [one for one in found.groups if one.basis == "mentioned"],
    )
    yield Table(
        "Human texts rewritten by rule, before and after; a swap puts in another group's terms, a probe "
        "features of a way to write.",
        (
            "rewriting",
            "what it does",
            "texts",
            "before",
            "after",
            "logit shift",
            "p, corrected",
        ),
        tuple(
            (
                f"{one.of}: {one.rewriting} ({one.kind})",
                one.what,
                str(one.texts),
                percent(one.before),
                percent(one.after),
                change(one.shift),
                _p(one.p_corrected),
            )
            for one in found.rewritings
        ),
        words=(0, 1),
    )


def _gate(found: Bias) -> Paragraph:
    gate = found.gate
    if gate is None:
        return Paragraph("No gate was set.")
    verdict = "It fails:" if found.failures else "It holds."
    return Paragraph(
        f"Gate: no group is flagged at a rate whose interval lies above {100 * gate.bound:.1f} %, nor more "
        f"than {gate.ratio:g} times as often as the rest with a corrected p below {gate.significance:g}. "
        f"{verdict}"
    )


def _groups(caption: str, groups: list[GroupOutcome]) -> Table:
    return Table(
        caption,
        (
            "group",
            "texts",
            "authors",
            "flagged",
            "the rest",
            "logit less theirs",
            "outside",
            "p, corrected",
        ),
        tuple(
            (
                f"{one.of}: {one.group}",
                str(one.wrongly.of if one.wrongly is not None else 0),
                str(one.authors),
                percent(one.wrongly),
                percent(one.rest),
                change(one.logit_difference),
                str(one.outside),
                _p(one.p_corrected),
            )
            for one in groups
        ),
    )


def _p(value: float | None) -> str:
    return "too few texts" if value is None else f"{value:.2g}"
