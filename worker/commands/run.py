"""`flagstaff run`: the worker."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

import click
import msgspec

from worker.commands import INTERRUPTED
from worker.commands.context import settings_of
from worker.commands.services import PARTITIONS, start_embedded
from worker.errors import FencedError
from worker.settings import PREFIX, load_settings
from worker.stream.client import client_options
from worker.supervisor import FENCED_CODE, Supervisor
from worker.topics.applying import create_topics

# What closing a worker takes beyond the grace period that its work in flight has.
_CLOSING_S = 20.0


@click.command("run")
@click.option(
    "--embedded",
    is_flag=True,
    help="Start Kafka and Valkey in the data directory first, and print where they are.",
)
@click.option(
    "--process", "number", type=int, hidden=True, help="Which of PROCESSES this is; set by the supervisor."
)
@click.pass_context
def run(ctx: click.Context, *, embedded: bool, number: int | None) -> None:
    """Decide posts until told to stop (SIGTERM or Ctrl-C).

    SIGHUP: read settings, policy and detector again, and go on with them without a gap.

    Starts PROCESSES whole workers and starts each again when it dies. Exit code 3: a breaker stopped it;
    1: it was fenced by another worker again and again; 130: Ctrl-C.
    """
    settings = settings_of(ctx)
    stop = threading.Event()
    asked: list[int] = []

    def end(signum: int, _: object) -> None:
        asked.append(signum)
        stop.set()

    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, end)
    # A simple queue: unlike an event it may be touched by a handler at any moment.
    reload_asked: SimpleQueue[None] = SimpleQueue()
    signal.signal(signal.SIGHUP, lambda *_: reload_asked.put(None))
    # The supervisor starts its processes with the signal held back.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    if number is not None:
        # Imported here: the supervisor needs neither the detector nor the stream.
        from worker.stream.process import run_process  # noqa: PLC0415

        threading.Thread(target=_stop_with_parent, args=(stop,), daemon=True).start()
        try:
            run_process(
                settings,
                number=number,
                stop=stop,
                reread=lambda: load_settings(ctx.find_root().params.get("config")),
                reload_asked=reload_asked,
            )
        except FencedError as error:
            click.echo(f"flagstaff: {error}", err=True)
            sys.exit(FENCED_CODE)
        return
    with ExitStack() as services:
        environ = dict(os.environ)
        if embedded:
            settings = start_embedded(settings, Path(settings.data_dir), services)
            create_topics(settings, partitions=PARTITIONS, replication=1)
            environ[f"{PREFIX}KAFKA__BOOTSTRAP_SERVERS"] = settings.kafka.bootstrap_servers
            environ[f"{PREFIX}REDIS__URL"] = settings.redis.url
            places = {"bootstrap_servers": settings.kafka.bootstrap_servers, "redis_url": settings.redis.url}
            click.echo(msgspec.json.encode(places).decode())
        else:
            client_options(settings.kafka)
        supervisor = Supervisor(
            _own_arguments(ctx),
            processes=settings.processes,
            grace_s=settings.grace_period_s + _CLOSING_S,
            environ=environ,
        )
        code = supervisor.run(stop, reload_asked)
    sys.exit(INTERRUPTED if code == 0 and signal.SIGINT in asked else code)


def _own_arguments(ctx: click.Context) -> list[str]:
    config = ctx.find_root().params.get("config")
    return [*(["--config", str(config)] if config else []), "run"]


def _stop_with_parent(stop: threading.Event) -> None:
    """Standard input is a pipe from the supervisor; it closes when the supervisor ends."""
    while os.read(0, 1):
        pass
    stop.set()
