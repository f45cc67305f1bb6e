"""The options that name the range of a replay or a backtest."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from worker.replay.plan import Span
from worker.signals.facts import milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.settings import Settings


class Moment(click.ParamType[int]):
    """A time in ISO 8601 with its zone, as milliseconds since 1970."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The time; what is none is bad usage."""
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time; write it as 2026-03-01T00:00:00Z", param, ctx)
        if moment.tzinfo is None:
            self.fail(f"{value!r} has no time zone; add Z or an offset such as +01:00", param, ctx)
        return milliseconds(moment)


class _Span(click.ParamType[Span]):
    """Offsets of a partition."""

    name = "offsets"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Span:
        partition, _, offsets = value.partition(":")
        first, _, last = offsets.partition("-")
        if not (partition.isdigit() and first.isdigit() and last.isdigit()) or int(first) > int(last):
            self.fail(f"{value!r}: write PARTITION:FIRST-LAST, as in 0:100-199", param, ctx)
        return Span(int(partition), int(first), int(last))


_OPTIONS = (
    click.option("--from", "start_ms", type=Moment(), metavar="TIME", help="Where the range begins."),
    click.option(
        "--to", "end_ms", type=Moment(), metavar="TIME", help="Where it ends; that moment is left out."
    ),
    click.option(
        "--offsets",
        "spans",
        type=_Span(),
        multiple=True,
        metavar="P:FIRST-LAST",
        help="Offsets of a partition, both ends included; once for each partition that is meant.",
    ),
    click.option(
        "--file",
        "captured",
        type=click.Path(path_type=Path, dir_okay=False),
        help="A range that `replay --capture` wrote; Kafka is not asked for anything.",
    ),
    click.option("--topic", metavar="NAME", help="Another posts topic than the settings' one."),
)


def range_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --from, --to, --offsets, --file and --topic."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def check_range(
    start_ms: int | None, end_ms: int | None, spans: tuple[Span, ...], captured: Path | None
) -> None:
    """Refuses what names no range, or several.

    Raises:
        click.UsageError: it does.
    """
    given = (start_ms is not None or end_ms is not None) + bool(spans) + (captured is not None)
    if given != 1 or (start_ms is None) != (end_ms is None):
        raise click.UsageError("Name the range: --from with --to, or --offsets, or --file.")
    if start_ms is not None and end_ms is not None and start_ms >= end_ms:
        raise click.UsageError("--from must lie before --to.")
    if len({span.partition for span in spans}) < len(spans):
        raise click.UsageError("--offsets: a partition is given twice.")


def with_topic(settings: Settings, topic: str | None) -> Settings:
    """The settings with another posts topic, where one is named."""
    if topic is None:
        return settings
    return msgspec.structs.replace(settings, topics=msgspec.structs.replace(settings.topics, posts=topic))
