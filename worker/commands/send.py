"""`flagstaff send`: JSON lines onto the posts topic."""

from __future__ import annotations

import sys
from typing import IO

import click

from worker.commands.context import settings_of
from worker.commands.lines import numbered_lines
from worker.intake import InvalidPostError, PostReader
from worker.stream.sender import Sender


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
        for number, line in numbered_lines(file):
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
