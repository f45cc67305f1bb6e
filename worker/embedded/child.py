"""One server process that never outlives Flagstaff: started, watched, paused, stopped, killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from worker.errors import EmbeddedError

if TYPE_CHECKING:
    from collections.abc import Sequence

GUARD = Path(__file__).with_name("guard.py")


class Child:
    """A command under a guard that ends it when this process is gone.

    Its output goes to `log`; what an earlier run wrote there is kept as `log` with `.old` appended.

    Args:
        name: what messages call it.
        command: program and arguments.
        log: file for its standard output and error.
        keep: on an unexpected end of this process, whether the command gets the time to write its data.
        lock: a file descriptor whose lock must be held for as long as the command may run.
        cwd: its working directory.

    Raises:
        EmbeddedError: it can't be started or its log can't be written.
    """

    def __init__(  # noqa: PLR0913 - each is one fact about the command
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        keep: bool = True,
        lock: int | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.log = log
        grace_s = 10.0 if keep else 0.0
        guard = [sys.executable, "-I", "-S", str(GUARD), str(os.getpid()), str(grace_s)]
        try:
            if log.exists():
                log.replace(log.with_name(log.name + ".old"))
            with log.open("wb") as output:
                self._guard = subprocess.Popen(  # noqa: S603 - the command is built by this package
                    [*guard, *command],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=cwd,
                    # In the plain C locale a JVM can't open paths outside ASCII.
                    env={**os.environ, "LC_ALL": "C.UTF-8"},
                    pass_fds=() if lock is None else (lock,),
                    # A session of its own: Ctrl-C on the terminal reaches Flagstaff, which ends its
                    # servers in order; and one signal to the group reaches guard and command together.
                    start_new_session=True,
                )
        except OSError as error:
            raise EmbeddedError(f"embedded: can't start {name}: {error}") from None

    @property
    def exit_code(self) -> int | None:
        """Exit code (128 and more: ended by a signal), or None while it runs."""
        code = self._guard.poll()
        return 128 - code if code is not None and code < 0 else code

    def how_it_ended(self) -> str:
        """`exit code 1`, `killed by SIGKILL`, or that it still runs."""
        code = self.exit_code
        if code is None:
            return "still running"
        return f"killed by {signal.Signals(code - 128).name}" if code > 128 else f"exit code {code}"  # noqa: PLR2004 - a shell's convention, kept by the guard

    def stop(self, grace_s: float) -> None:
        """Asks it to end, and kills it after `grace_s` seconds."""
        self.ask_to_stop()
        self.await_end(grace_s)

    def ask_to_stop(self) -> None:
        """Asks it to end without waiting."""
        self.resume()
        self._guard.terminate()

    def await_end(self, grace_s: float) -> None:
        """Waits for the end that was asked for, and kills it after `grace_s` seconds."""
        try:
            self._guard.wait(grace_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Ends it at once, as `kill -9` does; returns when it is gone."""
        if self._guard.poll() is None:
            self._guard.send_signal(signal.SIGUSR1)
            self._guard.wait()

    def pause(self) -> None:
        """Stops it where it stands: its connections stay open and nothing answers."""
        self._signal_group(signal.SIGSTOP)
        self._guard.send_signal(signal.SIGCONT)  # the guard goes on watching

    def resume(self) -> None:
        """Lets a paused one go on."""
        self._signal_group(signal.SIGCONT)

    def _signal_group(self, number: signal.Signals) -> None:
        if self._guard.poll() is None:
            os.killpg(self._guard.pid, number)

    def last_lines(self, count: int = 400) -> list[str]:
        """The end of its log."""
        try:
            with self.log.open(encoding="utf-8", errors="replace") as lines:
                return [line.rstrip() for line in deque(lines, maxlen=count)]
        except OSError:
            return []
