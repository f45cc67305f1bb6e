"""`flagstaff send`: JSON lines onto the posts topic."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn

from worker.commands.context import settings_of
from worker.intake import InvalidPostError, PostReader
from worker.stream.sender import Sender

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHOW_EVERY: Final = 500


@click.command("send")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--topic", metavar="NAME", help="Another topic than the posts topic of the settings.")
@click.option("--raw", is_flag=True, help="Send every line as it is, valid or not, the empty ones too.")
@click.pass_context
def send(ctx: click.Context, *, file: IO[bytes], topic: str | None, raw: bool) -> None:
    """Put the JSON lines of FILE (or of standard input) on the posts topic, one post each.

    A line that is no valid post is named and left out, the others are sent, and the exit code is 1. The key
    is the author's id, or the post's where there is none, so that an author's posts stay in order. Ends when
    the brokers have acknowledged everything.
    """
    settings = settings_of(ctx)
    reader = PostReader(settings.fields, settings.stream.max_text_chars, settings.stream.max_post_bytes)
    refused = 0
    with Sender(settings.kafka, topic or settings.topics.posts) as sender:
        for number, line in _lines(file):
            if not raw and not line.strip():
                continue
            key, why = _key(reader, line)
            if why is None or raw:
                why = sender.send(line, key)
            if why is not None:
                refused += 1
                click.echo(f"{file.name}:{number}: {why}", err=True)
        sender.finish()
    left_out = f", {refused} lines left out" if refused else ""
    click.echo(f"{sender.acknowledged} posts sent to {sender.topic}{left_out}", err=True)
    sys.exit(1 if refused else 0)


def _key(reader: PostReader, line: bytes) -> tuple[bytes | None, str | None]:
    """The record's key; or none, and why the line is no post."""
    try:
        post = reader.read(line)
    except InvalidPostError as error:
        return None, str(error)
    return (post.author.id if post.author is not None else post.id).encode(), None


def _lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Each line with its number from 1 and without its end, a progress bar beside it on a terminal."""
    path = Path(file.name)
    size = path.stat().st_size if path.is_file() else None
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.fields[lines]} lines"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=size, lines=0)
        read = 0
        for number, line in enumerate(file, start=1):
            yield number, line.rstrip(b"\r\n")
            read += len(line)
            if number % _SHOW_EVERY == 0:
                progress.update(task, completed=read, lines=number)
