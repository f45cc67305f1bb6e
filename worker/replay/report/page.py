"""The report as a page: figures in, text out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from worker.page import environment
from worker.replay.differences import AGREEING
from worker.replay.report.charts import WIDTH, bars, columns
from worker.replay.report.words import CAUSES, KINDS, LIMITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from worker.replay.causes import Cause
    from worker.replay.differences import Difference
    from worker.replay.manifest import Inputs
    from worker.replay.output import Sealed
    from worker.replay.report.charts import Bars
    from worker.replay.summary import Summary, Tally


def report(
    summary: Summary,
    inputs: Inputs,
    outputs: Mapping[str, Sealed],
    examples: Mapping[Cause, Sequence[Difference]],
    *,
    signed: bool,
) -> str:
    """The page, which depends on nothing but the figures.

    Args:
        summary: the counts, and what was run.
        inputs: the digests of what was read.
        outputs: the digests of the other files.
        examples: some differences of each cause.
        signed: whether the manifest is signed.
    """
    templates = environment("worker.replay.report")
    templates.filters |= {"number": _number, "share": _share, "reading": _reading, "moment": _moment}
    result = summary.result
    compared = sum(result.kinds.values())
    causes = [cause for cause in CAUSES if cause in result.causes]
    return templates.get_template("page.html.j2").render(
        summary=summary,
        inputs=inputs,
        outputs=outputs,
        signed=signed,
        result=result,
        compared=compared,
        differing=compared - sum(number for kind, number in result.kinds.items() if kind in AGREEING),
        kinds=[kind for kind in KINDS if kind in result.kinds],
        meaning=KINDS,
        causes=causes,
        told=CAUSES,
        examples=[(cause, examples[cause]) for cause in causes],
        settings=list(_flat(summary.settings)),
        limits=LIMITS,
        width=WIDTH,
        kinds_chart=bars([(kind, n, _number(n)) for kind in KINDS if (n := result.kinds.get(kind))]),
        causes_chart=bars(
            [(CAUSES[cause].name, result.causes[cause], _number(result.causes[cause])) for cause in causes]
        ),
        partitions_chart=_partitions(result),
        timeline=columns(result.timeline),
    )


def _partitions(result: Tally) -> Bars:
    rows = []
    for number, kinds in result.partitions.items():
        all_of_it = sum(kinds.values())
        differing = all_of_it - sum(count for kind, count in kinds.items() if kind in AGREEING)
        share = differing / all_of_it
        rows.append((f"partition {number}", share, f"{_share(share)} of {_number(all_of_it)}"))
    return bars(rows)


def _flat(tree: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """The settings by their dotted names."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        elif value is None:
            yield before + name, "not set"
        else:
            yield before + name, ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _number(value: int) -> str:
    return f"{value:,}"


def _share(value: float) -> str:
    return f"{100 * value:.1f} %" if value >= 0.0005 or not value else "< 0.1 %"  # noqa: PLR2004 - would be 0.0 %


def _reading(value: float | None) -> str:
    return "not read" if value is None else f"{value:g}"


def _moment(seconds: float) -> str:
    """A time in UTC, to the second; the bare number where no calendar has it."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return f"{seconds:g} s since 1970"
