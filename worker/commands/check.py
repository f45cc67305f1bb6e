"""`flagstaff check`: tries out what `flagstaff run` will need."""

from __future__ import annotations

import sys
from typing import Final

import click
import msgspec

from worker.checks import check_all
from worker.checks.finding import Finding
from worker.commands.context import settings_of
from worker.errors import SettingsError
from worker.logs import configure_logs

_COLOURS: Final = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command("check")
@click.pass_context
def check(ctx: click.Context) -> None:
    """Check settings, policy, detector, brokers, topics, access rights and Redis, one line each.

    Nothing is written to a topic. Exit code 1 if anything fails; a warning is no failure.
    """
    try:
        settings = settings_of(ctx)
    except SettingsError as error:
        _show(Finding("fail", "settings", str(error).removeprefix("settings: ")))
        sys.exit(1)
    # The findings say what the logs would.
    configure_logs(msgspec.structs.replace(settings.log, level="error"))
    _show(Finding("ok", "settings", "every key is known and every value fits"))
    failed = False
    for finding in check_all(settings):
        _show(finding)
        failed |= finding.status == "fail"
    sys.exit(1 if failed else 0)


def _show(finding: Finding) -> None:
    status = click.style(f"{finding.status:<4}", fg=_COLOURS[finding.status])
    click.echo(f"{status}  {finding.what:<24}  {' '.join(finding.detail.split())}")
