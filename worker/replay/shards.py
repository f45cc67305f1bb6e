"""Which partitions are whose, and the processes that score them on one machine."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from worker.cores import THREADS_VARIABLE, machine_cores
from worker.errors import FlagstaffError, SettingsError
from worker.replay.parts import passed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from worker.replay.plan import Plan, Range

# Set by Kubernetes in each pod of an Indexed Job.
INDEX_VARIABLE: Final = "JOB_COMPLETION_INDEX"
_SHARD: Final = re.compile(r"(\d{1,6})/(\d{1,6})")
_LOOK_EVERY_S: Final = 0.2
_TRIES: Final = 25


class Shard(NamedTuple):
    """One of so many."""

    number: int
    of: int

    def ranges(self, plan: Plan) -> list[Range]:
        """The partitions that are its own."""
        return list(plan.ranges[self.number :: self.of])


def shard_of(given: str | None, shards: int | None) -> Shard | None:
    """The shard that was asked for; None: all of it.

    Args:
        given: `--shard I/N`.
        shards: `--shards N`, whose I is in the environment.

    Raises:
        SettingsError: there is no such shard.
    """
    if given is not None:
        found = _SHARD.fullmatch(given)
        shard = Shard(int(found[1]), int(found[2])) if found else None
        if shard is None or shard.number >= shard.of:
            raise SettingsError(f"--shard {given!r}: write I/N with I from 0 to N-1, as in 0/4")
        return shard
    if shards is None:
        return None
    index = os.environ.get(INDEX_VARIABLE, "")
    if not index.isdigit() or int(index) >= shards:
        raise SettingsError(
            f"--shards {shards}: {INDEX_VARIABLE} is {index!r}, not a number from 0 to {shards - 1}; "
            "Kubernetes sets it in an Indexed Job, elsewhere use --shard I/N"
        )
    return Shard(int(index), shards)


def offsets_passed(plan: Plan, parts: Path) -> int:
    """How many offsets of all partitions are in parts by now."""
    return sum(passed(parts, of.partition) for of in plan.ranges)


def end_with_parent() -> None:
    """Ends this process when the one that started it does, whatever ends that."""

    def watch() -> None:
        while os.read(0, 1):
            pass
        # Parts are written whole or not at all, so there is nothing to put in order.
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def held(lock: Path) -> Iterator[None]:
    """Keeps other processes from what a lock file stands for.

    Raises:
        FlagstaffError: another one has it.
    """
    with lock.open("wb") as file:
        for attempt in range(_TRIES):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if attempt == _TRIES - 1:
                    raise FlagstaffError(f"replay: another process has {lock}; wait for it") from None
                # The workers of a replay that was killed end a moment after it.
                time.sleep(_LOOK_EVERY_S)
        yield


def run_workers(
    command: Sequence[str], count: int, plan: Plan, parts: Path, progress: Callable[[int], None]
) -> None:
    """Scores with so many processes at once, and waits for all.

    Args:
        command: arguments of `flagstaff` that begin the replay.
        count: how many processes.
        plan: what is scored.
        parts: where the parts go.
        progress: called with offsets passed.

    Raises:
        FlagstaffError: one failed; it has said why. What is scored stays.
    """
    environ = dict(os.environ)
    environ.setdefault(THREADS_VARIABLE, str(max(1, machine_cores() // count)))
    processes = [
        subprocess.Popen(  # noqa: S603 - the project's own command, no shell
            [
                *(sys.executable, "-m", "worker.commands", *command),
                *("--shard", f"{number}/{count}", "--below"),
            ],
            env=environ,
            stdin=subprocess.PIPE,
        )
        for number in range(count)
    ]
    try:
        while any(process.poll() is None for process in processes):
            if any(process.poll() not in {None, 0} for process in processes):
                break
            progress(offsets_passed(plan, parts))
            time.sleep(_LOOK_EVERY_S)
    finally:
        for process in processes:
            if process.poll() is None:
                process.terminate()
        codes = [process.wait() for process in processes]
        for process in processes:
            if process.stdin is not None:
                process.stdin.close()
    if any(codes):
        number = next(number for number, code in enumerate(codes) if code)
        raise FlagstaffError(
            f"replay: worker {number} of {count} ended with code {codes[number]}; what is scored stays, run "
            "the same command again"
        )
