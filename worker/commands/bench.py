"""`flagstaff bench`: the ratios that Flagstaff promises, measured on this machine."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from worker.errors import FlagstaffError

if TYPE_CHECKING:
    from collections.abc import Mapping


@click.command("bench")
@click.option("--json", "as_json", is_flag=True, help="One flat JSON object in place of the table.")
@click.option("--quick", is_flag=True, help="A tiny model and few posts: shows that it runs, not how fast.")
def bench(*, as_json: bool, quick: bool) -> None:
    """Measure engine, stream, cache and replay beside their peers; it takes about an hour.

    Progress goes to standard error. What can't be measured here has no figure but a reason. The exit code is
    1 where a benchmark failed. It runs in a checkout of Flagstaff's sources; docs/benchmarks.md says what is
    compared.
    """
    try:
        from benchmarks.engine.contract import KEYS, measure  # noqa: PLC0415 - not there in an installed package
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "benchmarks":
            raise
        raise FlagstaffError(
            "bench: the benchmarks lie beside Flagstaff's sources, not in the installed package: in a "
            "checkout, run `make venv` and .venv/bin/flagstaff bench"
        ) from None
    figures, failed = measure(quick=quick)
    click.echo(json.dumps(figures) if as_json else _table(figures, KEYS))
    if failed:
        click.echo(f"bench: failed: {', '.join(failed)}", err=True)
        sys.exit(1)


def _table(figures: Mapping[str, object], keys: tuple[str, ...]) -> str:
    lines = []
    for key in keys:
        figure = figures[key]
        said = (
            f"{figure:8.4g}" if isinstance(figure, int | float) else f"{'-':>8}  {figures[f'{key}.reason']}"
        )
        lines.append(f"{key:32}{said}")
    conditions = {key: value for key, value in figures.items() if not key.startswith(keys)}
    return "\n".join([*lines, "", *(f"{key:32}{value}" for key, value in conditions.items())])
