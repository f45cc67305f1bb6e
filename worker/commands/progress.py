"""How far long work has come: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SAY_EVERY_S: Final = 10.0


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Shows on standard error how much is done; gives a function that is told how many of the total.

    Args:
        what: what is done, as in `texts`.
        total: how many there are.
    """
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    task = bar.add_task(what, total=total)
    said = time.monotonic()

    def update(done: int) -> None:
        nonlocal said
        bar.update(task, completed=done)
        now = time.monotonic()
        if bar.disable and (now - said > _SAY_EVERY_S or done == total):
            said = now
            click.echo(f"{what}: {done} of {total}", err=True)

    with bar:
        yield update
