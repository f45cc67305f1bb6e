"""Another contestant on cores of its own: `python -m benchmarks.contestants.pinned CORES CONTESTANT …`.

Before anything is imported that starts threads: those inherit the cores of the one that starts them.
"""

from __future__ import annotations

import os
import runpy
import sys


def main() -> None:
    """Arguments: cores by number with commas between, the contestant's module, its arguments."""
    _, cores, contestant, *arguments = sys.argv
    os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    sys.argv = [contestant, *arguments]
    runpy.run_module(f"benchmarks.contestants.{contestant}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
