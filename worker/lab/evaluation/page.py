"""`evaluation.html`: the figures for people, in one file that asks nothing of any server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.lab.evaluation.charts import curve, whiskers
from worker.page import environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.lab.evaluation.figures import Estimate, FoundAt, Rate
    from worker.lab.evaluation.report import Evaluation, Slice

# How each regard is headed, in the order of the page.
_HEADINGS: Final = {
    "all": "All texts",
    "family": "By source family",
    "generator": "By generator",
    "sampling": "By sampling method",
    "source": "By source",
    "domain": "By domain",
    "language": "By language",
    "length": "By length",
    "author": "By whether the author was seen in training",
}
_NOTHING: Final = "–"  # noqa: RUF001 - an en dash stands for what is missing


def page(evaluation: Evaluation) -> str:
    """The page, which depends on nothing but the figures."""
    templates = environment("worker.lab.evaluation")
    templates.filters |= {
        "number": _number,
        "percent": _percent,
        "signed": _signed,
        "found_at": _found_at,
        "interval": _interval,
    }
    return templates.get_template("page.html.j2").render(
        evaluation=evaluation,
        sections=_sections(evaluation.slices),
        reliability=curve(evaluation.reliability),
        generators=whiskers(
            [
                (one.name, one.everywhere.auroc)
                for one in evaluation.slices
                if one.dimension in {"all", "generator"} and one.everywhere.auroc is not None
            ]
        ),
        whole=evaluation.slices[0],
    )


def _sections(slices: Sequence[Slice]) -> list[tuple[str, list[Slice]]]:
    sections = [
        (heading, [one for one in slices if one.dimension == dimension])
        for dimension, heading in _HEADINGS.items()
    ]
    return [(heading, ours) for heading, ours in sections if ours]


def _number(value: Estimate | float | None) -> str:
    """A figure with three digits behind the point."""
    if value is None:
        return _NOTHING
    return f"{value if isinstance(value, float | int) else value.value:.3f}"


def _percent(value: Rate | Estimate | float | None) -> str:
    if value is None:
        return _NOTHING
    return f"{100 * (value if isinstance(value, float | int) else value.value):.1f} %"


def _signed(value: Estimate | None) -> str:
    return _NOTHING if value is None else f"{value.value:+.3f}"


def _found_at(found: FoundAt) -> str:
    if found.rate is None:
        return f"takes {found.humans_needed} human texts"
    return _percent(found.rate)


def _interval(value: Rate | Estimate | None, form: str = "number") -> str:
    """Where a figure lies; nothing where there is none."""
    if value is None:
        return ""
    if form == "percent":
        return f"{100 * value.low:.1f} to {100 * value.high:.1f}"
    return f"{value.low:.3f} to {value.high:.3f}"
