"""`flagstaff demo`: posts through the real worker, on a Kafka and a Valkey of its own."""

from __future__ import annotations

import secrets
import sys
import tempfile
from contextlib import ExitStack
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from worker.commands.context import settings_of
from worker.commands.services import PARTITIONS, start_embedded
from worker.demo.run import stream
from worker.demo.show import show
from worker.errors import SettingsError
from worker.topics.applying import create_topics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.settings import Settings

_OWN_WORDS: Final = "posts that were written for this demo, not taken from any platform"


@click.command("demo")
@click.option(
    "--posts", "posts", metavar="FILE", help="Your own posts, one JSON object a line; - for standard input."
)
@click.option(
    "--data",
    "data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep Kafka, Valkey and logs here.",
)
@click.pass_context
def demo(ctx: click.Context, *, posts: str | None, data: Path | None) -> None:
    """Stream posts through the real worker and show what it decides.

    Starts a Kafka and a Valkey of its own where no broker is named, and ends them again.
    """
    settings = settings_of(ctx)
    console = Console()
    lines = _lines(posts)
    console.print(f"{len(lines)} {_OWN_WORDS if posts is None else f'posts from {posts}'}.")
    with ExitStack() as stack:
        folder = (
            data
            if data is not None
            else Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flagstaff-")))
        )
        folder.mkdir(parents=True, exist_ok=True)
        settings = _with_own_names(_with_services(settings, folder, stack, console), folder)
        create_topics(settings, partitions=PARTITIONS, replication=1)
        with _progress(console) as progress:
            task = progress.add_task("deciding", total=len(lines))
            collected = stream(
                settings, lines, folder=folder, progress=lambda done: progress.update(task, completed=done)
            )
    show(console, collected, _texts(lines))
    console.print(
        "Next: `flagstaff run --embedded` keeps a worker up, `flagstaff send FILE` gives it posts; "
        "the README tells how to point it at your own Kafka."
    )


def _lines(posts: str | None) -> list[bytes]:
    if posts is None:
        raw = resources.files("worker.demo").joinpath("posts.jsonl").read_bytes()
    elif posts == "-":
        raw = sys.stdin.buffer.read()
    else:
        try:
            raw = Path(posts).read_bytes()
        except OSError as error:
            raise SettingsError(f"demo: can't read {posts}: {error.strerror}") from None
    lines = [line for line in raw.splitlines() if line.strip()]
    if not lines:
        raise SettingsError(f"demo: {posts} holds no posts")
    return lines


def _with_services(settings: Settings, folder: Path, stack: ExitStack, console: Console) -> Settings:
    if settings.kafka.bootstrap_servers:
        return settings
    with console.status("Starting Kafka and Valkey (the first time, Kafka is downloaded: 44 MB)"):
        return start_embedded(settings, folder, stack)


def _with_own_names(settings: Settings, folder: Path) -> Settings:
    """Topics, group and keys of this run alone: also on a broker that holds others."""
    run = f"demo-{secrets.token_hex(4)}"
    return msgspec.structs.replace(
        settings,
        kafka=msgspec.structs.replace(settings.kafka, group_id=run, transactional_id_prefix=run),
        topics=msgspec.structs.replace(
            settings.topics,
            posts=f"{run}-posts",
            flags=f"{run}-flags",
            dead_letters=f"{run}-dead-letters",
            decisions=f"{run}-decisions",
            appeals=f"{run}-appeals",
            holds=f"{run}-holds",
        ),
        redis=msgspec.structs.replace(settings.redis, prefix=run),
        http=msgspec.structs.replace(settings.http, port=0),
        log=msgspec.structs.replace(settings.log, format="json"),
        # A few chosen posts have no usual rate: what the policy says of each is shown.
        action_rate=msgspec.structs.replace(settings.action_rate, enabled=False),
        emit="all",
        processes=1,
        data_dir=str(folder / "worker"),
    )


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


def _texts(lines: Sequence[bytes]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for line in lines:
        try:
            post = msgspec.json.decode(line)
            texts[str(post["id"])] = str(post["text"])
        except (msgspec.DecodeError, UnicodeDecodeError, TypeError, KeyError):
            continue
    return texts
