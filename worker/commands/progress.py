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
def progress(what: str, total: int, *, rate: bool = False) -> Iterator[Callable[[int], None]]:
    """Shows on standard error how much is done; gives a function that is told how many of the total.

    Args:
        what: what is done, as in `texts`.
        total: how many there are.
        rate: whether the lines that stand for the bar also tell how many a second, and the time that is left.
    """
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    task = bar.add_task(what, total=total)
    began = said = time.monotonic()
    first: int | None = None

    def update(done: int) -> None:
        nonlocal said, first
        first = done if first is None else first
        bar.update(task, completed=done)
        now = time.monotonic()
        if bar.disable and (now - said > _SAY_EVERY_S or done == total):
            said = now
            click.echo(f"{what}: {done} of {total}{pace(done, now) if rate else ''}", err=True)

    def pace(done: int, now: float) -> str:
        # What an earlier run had done is not this one's speed.
        a_second = (done - (first or 0)) / max(now - began, 1e-9)
        left = f", {(total - done) / a_second:.0f} s left" if a_second and done < total else ""
        return f", {a_second:.0f} a second{left}"

    with bar:
        yield update
