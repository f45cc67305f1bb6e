"""A real `flagstaff run` for tests: started with settings, killed in parts, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import IO, TYPE_CHECKING

import psutil

from tests.support.waiting import PATIENCE_S
from worker.settings import PREFIX

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class WorkerProcesses:
    """The command and the worker processes below it."""

    def __init__(
        self, settings: Mapping[str, str], folder: Path, log: Path, command: Sequence[str] = ()
    ) -> None:
        """`command`: what to run instead of `python -m worker.commands run`."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        ours = {f"{PREFIX}{name}": value for name, value in settings.items()}
        self._environ = plain | {f"{PREFIX}DATA_DIR": str(folder), f"{PREFIX}LOG__FORMAT": "json"} | ours
        self._command = list(command) or [sys.executable, "-m", "worker.commands", "run"]
        self._path = log
        self._log: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._log = self._path.open("ab")
        self._process = subprocess.Popen(
            self._command, env=self._environ, stdin=subprocess.DEVNULL, stderr=self._log
        )

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def pids(self) -> list[int]:
        """The worker processes, without the supervisor above them and what they start themselves."""
        try:
            return [child.pid for child in psutil.Process(self.process.pid).children()]
        except psutil.NoSuchProcess:
            return []

    def kill_one(self, turn: random.Random) -> None:
        """`kill -9` of one worker process."""
        if pids := self.pids():
            os.kill(turn.choice(pids), signal.SIGKILL)

    def stop(self, timeout_s: float = PATIENCE_S) -> int:
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait(timeout_s)

    def wait(self, timeout_s: float = PATIENCE_S) -> int:
        """Waits for the end; returns the exit code."""
        try:
            return self.process.wait(timeout_s)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            if self._log is not None:
                self._log.close()

    def close(self) -> None:
        """Ends whatever still runs; without effect where it ended."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._log is not None:
            self._log.close()

    def log(self) -> str:
        return self._path.read_text(errors="replace")
