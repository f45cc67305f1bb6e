"""The lines of a file that a command reads, with its progress shown beside them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn

from worker.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHOW_EVERY: Final = 500


def numbered_lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Each line with its number from 1 and without its end, a progress bar beside it on a terminal.

    No bar is shown where the results go to the terminal too: they are progress enough.

    Raises:
        SettingsError: the file can't be read on.
    """
    console = Console(stderr=True)
    path = Path(file.name)
    columns = (SpinnerColumn(), TextColumn("{task.fields[lines]} lines"), BarColumn(), DownloadColumn())
    hidden = not console.is_terminal or sys.stdout.isatty()
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        task = progress.add_task("", total=path.stat().st_size if path.is_file() else None, lines=0)
        size = number = 0
        try:
            for number, line in enumerate(file, 1):
                yield number, line.rstrip(b"\r\n")
                size += len(line)
                if number % _SHOW_EVERY == 0:
                    progress.update(task, completed=size, lines=number)
        except OSError as error:
            raise SettingsError(f"can't read {file.name} after line {number}: {error.strerror}") from None
