"""`flagstaff transparency`: the report on a period for the public."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from kafka.errors import KafkaError

from worker.about.facts import evaluation_of, facts_of
from worker.about.page import page as about_page
from worker.commands.context import settings_of
from worker.commands.month import Month, MonthType
from worker.commands.progress import progress
from worker.commands.replayed_range import Moment
from worker.errors import BrokerError, SettingsError
from worker.lab.evaluation.report import read_evaluation
from worker.transparency.found import Period
from worker.transparency.page import page
from worker.transparency.reading import read
from worker.transparency.report import encoded
from worker.transparency.report import transparency as report_of

if TYPE_CHECKING:
    from worker.settings import Settings
    from worker.transparency.found import Found

_JSON: Final = "transparency.json"
_PAGE: Final = "transparency.html"
_ABOUT: Final = "about.html"


@click.command("transparency")
@click.option("--from", "start_ms", type=Moment(), metavar="TIME", help="Where the period begins.")
@click.option(
    "--to",
    "end_ms",
    type=Moment(),
    metavar="TIME",
    help="Where it ends; that moment is left out.",
)
@click.option(
    "--month",
    type=MonthType(),
    metavar="MONTH",
    help="A calendar month in UTC instead, as 2026-03, or `last`; it gets a folder of its own in --out.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("transparency"),
    show_default=True,
    help="Directory to write.",
)
@click.option(
    "--minimum",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Counts below this, but not 0, are hidden, with those that would tell them.",
)
@click.option(
    "--late-after",
    type=click.IntRange(1, 86_400),
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="How long a post may wait for its decision before it counts as overdue.",
)
@click.option(
    "--evaluation",
    type=click.Path(path_type=Path, dir_okay=False),
    help="evaluation.json of the detector, for its bias table; else that of the settings' detector.",
)
@click.pass_context
def transparency(  # noqa: PLR0913 - one argument an option
    ctx: click.Context,
    *,
    start_ms: int | None,
    end_ms: int | None,
    month: Month | None,
    out: Path,
    minimum: int,
    late_after: int,
    evaluation: Path | None,
) -> None:
    """Write the report on a period for the public.

    Reads what is committed on the topics of posts, flags, decisions, appeals and dead letters, joins no group
    and writes to none. Writes transparency.html, transparency.json and about.html to --out: pages without
    scripts that ask nothing of any server. No text, no name and no id of a person is in them.
    """
    settings = settings_of(ctx)
    start_ms, end_ms = _asked(start_ms, end_ms, month)
    if month is not None:
        out /= month.name
    measured = read_evaluation(evaluation) if evaluation is not None else evaluation_of(settings)
    about = about_page(facts_of(settings, measured))
    period = Period(start_ms, end_ms, late_after * 1000)
    report = report_of(
        period, _found(settings, period), emit=settings.emit, minimum=minimum, evaluation=measured
    )
    files = {_JSON: encoded(report), _PAGE: page(report, _ABOUT).encode(), _ABOUT: about.encode()}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (out / name).write_bytes(content)
    except OSError as error:
        raise SettingsError(
            f"transparency: can't write to {out}: {error.strerror}; name another --out"
        ) from None
    for name in report.incomplete:
        click.echo(f"transparency: the oldest records of {name} are gone; counts may be too low", err=True)
    if not settings.review.how_to_appeal:
        click.echo(
            f"transparency: {_ABOUT} says nothing of how to appeal: set FLAGSTAFF_REVIEW__HOW_TO_APPEAL",
            err=True,
        )
    click.echo(f"the report is in {out / _PAGE}")


def _asked(start_ms: int | None, end_ms: int | None, month: Month | None) -> tuple[int, int]:
    if (start_ms is None, end_ms is None) != (month is not None, month is not None):
        raise click.UsageError("Name the period: --from with --to, or --month.")
    start, end = (start_ms or 0, end_ms or 0) if month is None else (month.start_ms, month.end_ms)
    if start >= end:
        raise click.UsageError("--from must lie before --to.")
    if end > time.time_ns() // 1_000_000:
        raise click.UsageError("--to lies in the future: report on a period that is over.")
    return start, end


def _found(settings: Settings, period: Period) -> Found:
    try:
        return read(settings, period, progress)
    except KafkaError as error:
        servers = settings.kafka.bootstrap_servers
        raise BrokerError(
            f"transparency: Kafka at {servers}: {error!r}; `flagstaff check` tells more"
        ) from error
