"""The report as a page: figures in, text out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from worker.page import environment
from worker.release import intervals
from worker.replay.report.charts import WIDTH, bars
from worker.transparency import words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.lab.evaluation.figures import Rate
    from worker.release.intervals import Interval
    from worker.replay.report.charts import Bars
    from worker.transparency.report import Transparency
    from worker.transparency.suppression import Cell


def page(report: Transparency, about: str) -> str:
    """The page, which depends on nothing but the figures.

    Args:
        report: the figures.
        about: the address of the page that says what a flag means.
    """
    templates = environment("worker.transparency")
    templates.filters |= {"number": _number, "percent": _percent, "rate": _rate}
    templates.filters |= {"moment": _moment, "day": _day}
    outcomes = [part for part in report.posts.parts if part.count != 0 or not _unpublished(report, part.name)]
    return templates.get_template("page.html.j2").render(
        report=report,
        about=about,
        outcomes=outcomes,
        outcomes_chart=_chart(outcomes),
        width=WIDTH,
        words=words,
        staff=[(row, _judged_human(row)) for row in report.verdicts.parts if row.count != 0],
        downtime_s=report.downtime.minutes * 60,
        period_s=(report.end_ms - report.start_ms) / 1000,
    )


def _unpublished(report: Transparency, outcome: str) -> bool:
    """Whether decisions of this kind are not published, so that a count of 0 would say nothing."""
    return report.emit == "flagged" and outcome in {"pass", "abstain"}


def _chart(outcomes: list[Cell]) -> Bars:
    return bars(
        [
            (words.OUTCOMES[one.name][0], one.count, _number(one.count))
            for one in outcomes
            if one.count is not None
        ]
    )


def _judged_human(row: Cell) -> Interval | None:
    """Of the flags on which most people were sure, the share that they took for a person's."""
    said: Mapping[str, int | None] = {part.name: part.count for part in row.parts}
    machine, human = said["machine"], said["human"]
    if machine is None or human is None or not machine + human:
        return None
    return intervals.share(human, machine + human, machine + human)


def _number(value: int) -> str:
    return f"{value:,}"


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _rate(value: Rate | Interval | None) -> str:
    if value is None:
        return "not told"
    return f"{100 * value.value:.1f} % ({100 * value.low:.1f} to {100 * value.high:.1f})"


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def _day(seconds: float) -> str:
    """A day where the moment is its beginning, else the moment."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return (
        f"{moment:%Y-%m-%d}" if (moment.hour, moment.minute, moment.second) == (0, 0, 0) else _moment(seconds)
    )
