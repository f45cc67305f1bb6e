"""Several whole workers in one command, each started again with a growing delay when it dies."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

import structlog

from worker.cores import THREADS_VARIABLE, machine_cores
from worker.errors import BreakerTrippedError, FencedError, SettingsError

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping, Sequence

log = structlog.get_logger(__name__)

_FIRST_DELAY_S: Final = 0.5
_LONGEST_DELAY_S: Final = 30.0
# A process that lived this long is not failing at its start: its next delay begins small again.
_STEADY_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.1
# What a process says to its supervisor when it was fenced once too often; the command's own code is 1 then.
FENCED_CODE: Final = 64
# These are not mended by starting again: they end the whole command, with the code beside them.
_FINAL_CODES: Final = {
    SettingsError.exit_code: SettingsError.exit_code,
    BreakerTrippedError.exit_code: BreakerTrippedError.exit_code,
    FENCED_CODE: FencedError.exit_code,
}


class _Worker:
    """One process's place: what runs in it now, and when it may be started again."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.failures = 0
        self.due = 0.0

    def died(self, now: float) -> float:
        self.failures = 1 if now - self.started > _STEADY_S else self.failures + 1
        delay = min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2.0 ** (self.failures - 1))
        self.process, self.due = None, now + delay
        return delay


class Supervisor:
    """Starts `processes` times the same command with `--process N`, and watches over them.

    SIGHUP asks a process to reload. It is held back while a process starts: by the time it can be delivered,
    the process can deal with it.

    The processes hold the read end of a pipe as their standard input and stop once it closes, so they end
    with the supervisor, whatever ends it.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        processes: int,
        grace_s: float,
        environ: Mapping[str, str],
        program: Sequence[str] = (sys.executable, "-m", "worker.commands"),
    ) -> None:
        self._command = [*program, *command]
        self._workers = [_Worker(number) for number in range(processes)]
        self._grace_s = grace_s
        self._environ = dict(environ)
        # Each process would otherwise start as many compute threads as there are cores.
        self._environ.setdefault(THREADS_VARIABLE, str(max(1, machine_cores() // processes)))

    def run(self, stop: threading.Event, reload_asked: SimpleQueue[None] | None = None) -> int:
        """Runs until `stop` is set, or until a worker ends in a way that a restart does not mend.

        Args:
            stop: ends all processes.
            reload_asked: whoever puts something in asks every process for a reload.

        Returns:
            The exit code of the command.
        """
        code = 0
        asked: SimpleQueue[None] = reload_asked if reload_asked is not None else SimpleQueue()
        while not stop.is_set() and not code:
            if not asked.empty():
                asked.get()
                self._reload()
            now = time.monotonic()
            for worker in self._workers:
                if worker.process is None:
                    if now >= worker.due:
                        self._start(worker, now)
                    continue
                ended = worker.process.poll()
                if ended in _FINAL_CODES and not self._harmless(worker, ended):
                    code = _FINAL_CODES[ended]
                elif ended is not None:
                    delay = worker.died(now)
                    log.warning("worker_died", process=worker.number, code=ended, restart_in_s=delay)
            stop.wait(_LOOK_EVERY_S)
        return max(code, self._end())

    def _harmless(self, worker: _Worker, ended: int) -> bool:
        """Whether wrong settings keep this process down only.

        Those that run have refused them and go on with what they have.
        """
        return ended == SettingsError.exit_code and any(
            other.process is not None and other.process.poll() is None and other.started < worker.started
            for other in self._workers
        )

    def _reload(self) -> None:
        for worker in self._workers:
            if worker.process is not None:
                worker.process.send_signal(signal.SIGHUP)

    def _start(self, worker: _Worker, now: float) -> None:
        # The new process inherits what is blocked, and lets the signal through once it has a handler.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        try:
            worker.process = subprocess.Popen(  # noqa: S603 - the project's own command, no shell
                [*self._command, "--process", str(worker.number)],
                stdin=subprocess.PIPE,
                env=self._environ,
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        worker.started = now
        log.info("worker_started", process=worker.number, pid=worker.process.pid)

    def _end(self) -> int:
        running = [worker.process for worker in self._workers if worker.process is not None]
        for process in running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + self._grace_s
        code = 0
        for process in running:
            try:
                ended = process.wait(max(0.0, deadline - time.monotonic()))
                # One that was only just starting had no handler yet, and nothing in hand.
                if ended != -signal.SIGTERM:
                    code = max(code, _FINAL_CODES.get(ended, min(abs(ended), 1)))
            except subprocess.TimeoutExpired:
                log.warning("worker_killed", pid=process.pid, grace_s=self._grace_s)
                process.kill()
                process.wait()
                code = max(code, 1)
            if process.stdin is not None:
                process.stdin.close()
        return code
