"""A calendar month as an option's value."""

from __future__ import annotations

import re
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from typing import Final, NamedTuple

import click

from worker.signals.facts import milliseconds

_WRITTEN: Final = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


class Month(NamedTuple):
    """A month in UTC.

    Attributes:
        name: as in `2026-03`.
        start_ms: its first moment, in milliseconds since 1970.
        end_ms: the first moment after it.
    """

    name: str
    start_ms: int
    end_ms: int


def month_of(text: str, now: datetime) -> Month | None:
    """The month that a text names, `last` being the one before `now`; None where it names none."""
    if text == "last":
        day = now.astimezone(UTC).replace(day=1) - timedelta(days=1)
        year, month = day.year, day.month
    elif found := _WRITTEN.fullmatch(text):
        year, month = int(found[1]), int(found[2])
    else:
        return None
    if not MINYEAR <= year < MAXYEAR:
        return None
    start = datetime(year, month, 1, tzinfo=UTC)
    end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    return Month(f"{year:04}-{month:02}", milliseconds(start), milliseconds(end))


class MonthType(click.ParamType[Month]):
    """`2026-03`, or `last`."""

    name = "month"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Month:
        """The month; what is none is bad usage."""
        month = month_of(value, datetime.now(UTC))
        if month is None:
            self.fail(f"{value!r} is no month; write it as 2026-03, or last", param, ctx)
        return month
