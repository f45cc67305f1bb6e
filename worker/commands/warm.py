"""`flagstaff warm`: the signal state again from the posts topic."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final, Self

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from worker.commands.context import settings_of
from worker.detector.loading import load_detector
from worker.errors import SettingsError
from worker.policy import load_policy
from worker.release.challenger import challenger_settings
from worker.warmup import Warmup

_SAY_EVERY_S: Final = 10.0


@click.command("warm")
@click.option("--challenger", is_flag=True, help="For the challenger's detector, before it decides.")
@click.pass_context
def warm(ctx: click.Context, *, challenger: bool) -> None:
    """Build the signal state again from the posts topic, after Redis has lost it.

    Reads the posts of the longest window that a signal looks back over, scores those whose score is not in
    the cache, and notes them; publishes nothing and commits no offset. It may run beside the worker, and
    again after it was stopped half-way.
    """
    settings = settings_of(ctx)
    if challenger:
        if not settings.stage.named:
            raise SettingsError("warm: there is no challenger; name it in FLAGSTAFF_STAGE__MODEL")
        settings = challenger_settings(settings)
    policy = load_policy(Path(settings.policy.file) if settings.policy.file else None)
    detector = load_detector(settings.detector)
    with _Shown() as shown:
        warmed = Warmup(settings, detector, policy).run(shown.update)
    left_out = f", {warmed.left_out} records left out" if warmed.left_out else ""
    click.echo(f"{warmed.noted} posts noted{left_out}")


class _Shown:
    """A progress bar on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        columns = (TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task("", total=None)
        self._said = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def update(self, passed: int, total: int) -> None:
        """So many offsets of so many are passed."""
        self._bar.update(self._task, completed=passed, total=total)
        now = time.monotonic()
        if self._bar.disable and now - self._said > _SAY_EVERY_S:
            self._said = now
            click.echo(f"{passed} of {total} offsets read", err=True)
