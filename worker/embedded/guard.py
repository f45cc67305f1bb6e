"""Runs one command and ends it when the process that asked for it is gone, however that process ended.

Started as a script by `child.py`: `python -I -S guard.py PARENT GRACE COMMAND…`, where PARENT is a process id
and GRACE the seconds between asking the command to end and killing it. It stands between Flagstaff and each
server because nothing else does all of this: Linux's parent-death signal alone goes off when the *thread*
that forked ends, and is unknown to macOS; a pipe is held open by every process forked since. The guard looks
instead at who its own parent is, four times a second, which works on both. Should the guard itself be killed,
Linux's parent-death signal ends the command (a guard has one thread only); macOS has nothing for that case.

SIGTERM, SIGINT and SIGHUP are passed on as SIGTERM, SIGUSR1 as SIGKILL, so that whoever waits for the guard
knows that the command is gone, with its ports and locks. The exit code is the command's.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time

LOOK_S = 0.25
PR_SET_PDEATHSIG = 1  # linux/prctl.h
ENDING = frozenset((signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
KILL = signal.SIGUSR1


def _die_with_guard() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _watch(command: list[str], parent: int, grace_s: float) -> int:
    awake, poke = os.pipe()
    os.set_blocking(poke, False)
    signal.set_wakeup_fd(poke)
    for number in (*ENDING, KILL, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    before = _die_with_guard if sys.platform == "linux" else None
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=before)  # noqa: S603, PLW1509 - the guard runs what it was started for and has one thread
    kill_at = float("inf")
    while child.poll() is None:
        if os.getppid() != parent and kill_at == float("inf"):
            child.terminate()
            child.send_signal(signal.SIGCONT)  # it may be paused
            kill_at = time.monotonic() + grace_s
        if time.monotonic() >= kill_at:
            child.kill()
        ready, _, _ = select.select([awake], [], [], LOOK_S)
        numbers = frozenset(os.read(awake, 64)) if ready else frozenset()
        if KILL in numbers:
            child.kill()
        elif numbers & ENDING:
            child.terminate()
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


if __name__ == "__main__":
    sys.exit(_watch(sys.argv[3:], int(sys.argv[1]), float(sys.argv[2])))
