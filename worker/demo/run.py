"""Streams posts through a real worker and collects what it publishes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from kafka import KafkaConsumer, TopicPartition

from worker.errors import FlagstaffError
from worker.records import Flag
from worker.settings import PREFIX
from worker.stream.client import client_options
from worker.stream.dead_letters import ERROR, STAGE
from worker.stream.sender import Sender

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from worker.settings import Settings

_PATIENCE_S: Final = 120.0
_POLL_MS: Final = 200
_END_S: Final = 40.0
_LOG_TAIL: Final = 5


class Refused(NamedTuple):
    """A dead letter of the demo."""

    line: str
    stage: str
    error: str


class Collected(NamedTuple):
    """Everything that came out."""

    flags: list[Flag]
    refused: list[Refused]
    seconds: float


class _Worker(NamedTuple):
    process: subprocess.Popen[bytes]
    log: Path


def stream(
    settings: Settings, lines: Sequence[bytes], *, folder: Path, progress: Callable[[int], None]
) -> Collected:
    """Sends the lines, runs a worker until all are decided, and ends it.

    Args:
        settings: brokers, Redis, topics and group to use.
        lines: one post each, or what is meant to be one.
        folder: where the worker keeps its notes and its log.
        progress: called with the number of decided lines.

    Raises:
        FlagstaffError: the worker ended, or decided nothing for two minutes.
    """
    _send(settings, lines)
    begun = time.monotonic()
    log_file = folder / "worker.log"
    with log_file.open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "worker.commands", "run"], env=_environment(settings), stderr=log
        )
    try:
        flags, refused = _collect(settings, len(lines), _Worker(worker, log_file), progress)
        return Collected(flags, refused, time.monotonic() - begun)
    finally:
        worker.send_signal(signal.SIGTERM)
        try:
            worker.wait(_END_S)
        except subprocess.TimeoutExpired:
            worker.kill()


def _send(settings: Settings, lines: Sequence[bytes]) -> None:
    with Sender(settings.kafka, settings.topics.posts) as sender:
        for line in lines:
            if (why := sender.send(line, _author(line))) is not None:
                raise FlagstaffError(f"demo: {why}")
        sender.finish()


def _author(line: bytes) -> bytes | None:
    """An author's posts stay in order when they share a partition."""
    try:
        post: Any = msgspec.json.decode(line)
        return str(post["author"]["id"]).encode()
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError, KeyError):
        return None


def _environment(settings: Settings) -> Mapping[str, str]:
    tree: Any = msgspec.to_builtins(settings)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    for path, value in _leaves(tree, ()):
        environ[PREFIX + "__".join(path).upper()] = value
    return environ


def _leaves(tree: Mapping[str, Any], path: tuple[str, ...]) -> list[tuple[tuple[str, ...], str]]:
    leaves: list[tuple[tuple[str, ...], str]] = []
    for name, value in tree.items():
        here = (*path, name)
        if isinstance(value, dict):
            leaves += _leaves(value, here)
        elif isinstance(value, list | tuple):
            leaves.append((here, ",".join(str(part) for part in value)))
        elif value is not None:
            leaves.append((here, str(value)))
    return leaves


def _collect(
    settings: Settings, wanted: int, worker: _Worker, progress: Callable[[int], None]
) -> tuple[list[Flag], list[Refused]]:
    consumer = KafkaConsumer(
        **client_options(settings.kafka),
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    topics = (settings.topics.flags, settings.topics.dead_letters)
    consumer.assign(
        [TopicPartition(topic, number) for topic in topics for number in consumer.partitions_for_topic(topic)]
    )
    flags: list[Flag] = []
    refused: list[Refused] = []
    latest = time.monotonic()
    try:
        while len(flags) + len(refused) < wanted:
            for records in consumer.poll(timeout_ms=_POLL_MS).values():
                latest = time.monotonic()
                for record in records:
                    if record.topic == settings.topics.flags:
                        flags.append(msgspec.json.decode(record.value, type=Flag))
                    else:
                        refused.append(_refused(record))
            progress(len(flags) + len(refused))
            if worker.process.poll() is not None or time.monotonic() - latest > _PATIENCE_S:
                tail = " | ".join(worker.log.read_text(errors="replace").splitlines()[-_LOG_TAIL:])
                raise FlagstaffError(f"the worker stopped deciding; its log {worker.log} ends with: {tail}")
    finally:
        consumer.close()
    return flags, refused


def _refused(record: Any) -> Refused:
    headers = {name: value.decode(errors="replace") for name, value in record.headers}
    line = (record.value or b"").decode(errors="replace")
    return Refused(line, headers.get(STAGE, ""), headers.get(ERROR, ""))
