"""`flagstaff embedded`: Kafka and Valkey in the foreground."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn

import click

from worker.embedded import EmbeddedKafka, EmbeddedValkey
from worker.embedded.jars import KAFKA_VERSION, are_cached
from worker.embedded.kafka import MOST_BROKERS
from worker.embedded.ports import HIGHEST

if TYPE_CHECKING:
    from types import FrameType

LOOK_S = 0.5
EXIT_CODES = {signal.SIGTERM: 0, signal.SIGINT: 130}


@click.command("embedded")
@click.option(
    "--data",
    "folder",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for data and logs; made where it is missing, kept between starts.",
)
@click.option(
    "--brokers",
    default=1,
    show_default=True,
    type=click.IntRange(1, MOST_BROKERS),
    help="Kafka brokers; a folder keeps the number it began with.",
)
@click.option(
    "--kafka-port",
    type=click.IntRange(1, HIGHEST),
    help="Port of the first broker, the next has the next. Left out: the last ones if free, else any.",
)
@click.option("--redis-port", type=click.IntRange(1, HIGHEST), help="Port of Valkey. Left out: as above.")
@click.option(
    "--java",
    default="bundled",
    show_default=True,
    type=click.Choice(["bundled", "system"]),
    help="Java runtime: the one that comes with the package, or the one on the PATH (17 or newer).",
)
def embedded(
    folder: Path,
    brokers: int,
    kafka_port: int | None,
    redis_port: int | None,
    java: Literal["bundled", "system"],
) -> None:
    """Run a real Apache Kafka and a real Valkey in a folder, in the foreground.

    When both answer, one JSON line with `bootstrap_servers` and `redis_url` goes to standard output. SIGTERM
    and Ctrl-C end both. They listen on 127.0.0.1 alone, without passwords: for a laptop, a demo and tests.
    """
    for number in EXIT_CODES:
        signal.signal(number, _leave)
    if not are_cached():
        click.echo(f"fetching Apache Kafka {KAFKA_VERSION} (45 MB, this once)", err=True)
    with (
        EmbeddedValkey(folder / "valkey", port=redis_port) as valkey,
        EmbeddedKafka(folder / "kafka", brokers=brokers, port=kafka_port, java=java) as kafka,
    ):
        click.echo(json.dumps({"bootstrap_servers": kafka.bootstrap_servers, "redis_url": valkey.url}))
        while True:
            time.sleep(LOOK_S)
            kafka.check()
            valkey.check()


def _leave(number: int, _: FrameType | None) -> NoReturn:
    for other in EXIT_CODES:  # a second signal must not cut short what the first one began
        signal.signal(other, signal.SIG_IGN)
    raise SystemExit(EXIT_CODES[signal.Signals(number)])
