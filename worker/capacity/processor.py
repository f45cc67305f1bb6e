"""Cores and Python's interpreter lock, shared by whatever runs on them at the moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator

    from simpy import Environment, Event

# Work that is left because of rounding, in seconds.
_NOTHING: Final = 1e-12


class _Job:
    __slots__ = ("done", "left", "threads")

    def __init__(self, left: float, threads: float, done: Event) -> None:
        self.left = left
        # 0: in Python.
        self.threads = threads
        self.done = done


class Processor:
    """The cores of one worker, by processor sharing.

    All threads that run Python have one core between them, in equal parts: that is what the interpreter lock
    comes to where it changes hands every millisecond. Native code has a core a thread. Where more is asked
    for than there is, everybody gets less in the same proportion.

    A thread that comes back from waiting finds the lock taken while another one computes, and then asks for
    it for `switch_s` before it gets it.

    Args:
        env: the simulation.
        cores: how many.
        switch_s: seconds.
    """

    def __init__(self, env: Environment, cores: float, switch_s: float) -> None:
        self._env = env
        self._switch_s = switch_s
        self._cores = cores
        self._jobs: list[_Job] = []
        self._at = env.now
        self._round = 0
        self.in_python_s = 0.0

    def python(
        self, seconds: float, *, switches: float = 1.0, waiting: float = 0.0
    ) -> Generator[Event, object, None]:
        """So many seconds of Python on one core, in as many parts as the thread comes back from waiting.

        Args:
            seconds: of one core.
            switches: how often the lock is asked for.
            waiting: seconds spent waiting without the lock, before the parts.
        """
        self.in_python_s += seconds
        parts = max(1, round(switches))
        for _ in range(parts):
            if waiting:
                yield self._env.timeout(waiting / parts)
            if switches >= 1 and self._switch_s and any(not job.threads for job in self._jobs):
                yield self._env.timeout(self._switch_s)
            yield self._begin(seconds / parts, 0.0)

    def native(self, core_seconds: float, threads: float) -> Event:
        """An event at the end of so much native work on so many threads."""
        return self._begin(core_seconds, threads)

    def _begin(self, work: float, threads: float) -> Event:
        done = self._env.event()
        if work <= 0:
            done.succeed()
            return done
        self._advance()
        self._jobs.append(_Job(work, threads, done))
        self._plan()
        return done

    def _speeds(self) -> tuple[float, float]:
        """Cores for each Python thread, and for each native one."""
        python = sum(not job.threads for job in self._jobs)
        wanted = sum(job.threads for job in self._jobs) + (1.0 if python else 0.0)
        share = min(1.0, self._cores / wanted)
        return (share / python if python else 0.0), share

    def _advance(self) -> None:
        now = self._env.now
        if self._jobs and now > self._at:
            python, native = self._speeds()
            for job in self._jobs:
                job.left -= (now - self._at) * (native * job.threads if job.threads else python)
        self._at = now

    def _plan(self) -> None:
        """Comes back when the first job ends, unless something changes before."""
        self._round += 1
        if not self._jobs:
            return
        python, native = self._speeds()
        soonest = min(job.left / (native * job.threads if job.threads else python) for job in self._jobs)
        number = self._round
        timer = self._env.timeout(max(0.0, soonest))
        timer.callbacks.append(lambda _: self._finish(number))

    def _finish(self, number: int) -> None:
        if number != self._round:
            return
        self._advance()
        ended = [job for job in self._jobs if job.left <= _NOTHING]
        if not ended:  # rounding: the nearest one is over
            ended = [min(self._jobs, key=lambda job: job.left)]
        self._jobs = [job for job in self._jobs if job not in ended]
        for job in ended:
            job.done.succeed()
        self._plan()
