"""One Kafka broker: its folder, its process, why it does not run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from worker.embedded.child import Child
from worker.embedded.folder import plain_disk_errors
from worker.embedded.ports import HOST
from worker.embedded.properties import DATA, render
from worker.errors import EmbeddedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

LOG = "-Dorg.slf4j.simpleLogger"
JVM = (
    "-Xms64m",  # left to itself, a JVM takes a 64th of the machine's memory before it first collects
    "-Xmx512m",
    "-XX:+UseSerialGC",  # one small heap: other collectors' threads and tables cost more than they give
    "-XX:TieredStopAtLevel=1",  # starts in half the time
    "-XX:-UsePerfData",  # writes to the temporary folder, which may be full
    "-XX:+ExitOnOutOfMemoryError",
    f"{LOG}.defaultLogLevel=warn",
    f"{LOG}.showDateTime=true",
    f"{LOG}.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    f"{LOG}.showThreadName=false",
)
# Lines that do not tell why a broker ended.
NOISE = re.compile(r"^(WARNING: |\tat |\t\.\.\. |\s*$)|^\S+ WARN ")
FORMAT_S = 120.0
PROPERTIES = "server.properties"


class Broker:
    """Broker `node` in `folder`; `runtime` is the start of its command line: `java`, `-cp`, the jars.

    Args:
        node: from 0.
        folder: the broker's own.
        runtime: program and class path.
        keep: whether its data outlives a stop.
        lock: file descriptor that its guard holds as long as it may run.
    """

    def __init__(self, node: int, folder: Path, runtime: Sequence[str], *, keep: bool, lock: int) -> None:
        self.node = node
        self.folder = folder
        self._runtime = tuple(runtime)
        self._keep = keep
        self._lock = lock
        self._child: Child | None = None

    @property
    def runs(self) -> bool:
        """Whether its process is there; it may not answer yet, or be paused."""
        return self._child is not None and self._child.exit_code is None

    @property
    def log(self) -> Path:
        """What it writes."""
        return self.folder / "broker.log"

    def configure(self, properties: Mapping[str, str]) -> None:
        """Writes its properties; they hold at its next launch."""
        with plain_disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / PROPERTIES
            path.touch(mode=0o600)  # it may name a key store's password
            path.write_text(render(properties), encoding="ascii")

    def begin_format(self, cluster_id: str, arguments: Sequence[str]) -> None:
        """Begins to make its data folder, unless it is there already; `end_format` waits for it."""
        if (self.folder / DATA / "meta.properties").exists():
            return
        what = ("format", "-t", cluster_id, "-c", PROPERTIES, "-g", *arguments)
        self._run("kafka.tools.StorageTool", *what, keep=False)

    def end_format(self) -> None:
        """Waits for what `begin_format` began.

        Raises:
            EmbeddedError: it failed.
        """
        if self._child is not None:
            self._child.await_end(FORMAT_S)
            if self._child.exit_code != 0:
                raise EmbeddedError(self.failure())

    def launch(self) -> None:
        """Starts its process."""
        self._run("kafka.Kafka", PROPERTIES, keep=self._keep)

    def _run(self, main_class: str, *arguments: str, keep: bool) -> None:
        command = [*self._runtime, *JVM, main_class, *arguments]
        name = f"Kafka broker {self.node}"
        self._child = Child(name, command, self.log, keep=keep, lock=self._lock, cwd=self.folder)

    @property
    def child(self) -> Child:
        """Its process.

        Raises:
            EmbeddedError: it was never launched.
        """
        if self._child is None:
            raise EmbeddedError(f"embedded: Kafka broker {self.node} was never started")
        return self._child

    def failure(self) -> str:
        """Why it does not run, in one line."""
        lines = self.child.last_lines()
        text = "\n".join(lines)
        bind = re.search(r"failed to bind to \S*:(\d+): Address already in use", text)
        if bind:
            return f"embedded: port {bind[1]} on {HOST} is in use: choose another Kafka port, or leave it out"
        if "No space left on device" in text:
            return f"embedded: the disk is full: {self.folder} can't be written"
        telling = [line for line in lines if not NOISE.search(line)]
        causes = [line for line in telling if line.startswith("Caused by: ")]
        last = (causes or telling or ["it wrote no error"])[-1]
        ended = self.child.how_it_ended()
        return f"embedded: Kafka broker {self.node} does not run ({ended}): {last}; see {self.log}"
