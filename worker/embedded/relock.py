"""Writes `jars.lock` anew, for a change of Kafka's version: `python -m worker.embedded.relock`."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from worker.embedded.jars import LOCK, fetch


def relock() -> int:
    """Fetches the pinned coordinates and writes each jar's sha256 and name; returns how many jars there are.

    Raises:
        EmbeddedError: the jars can't be fetched.
    """
    with tempfile.TemporaryDirectory() as scratch:
        jars = sorted(fetch(Path(scratch)), key=lambda jar: jar.name)
        lines = [f"{hashlib.sha256(jar.read_bytes()).hexdigest()}  {jar.name}\n" for jar in jars]
    LOCK.write_text("".join(lines), encoding="ascii")
    return len(lines)


if __name__ == "__main__":
    relock()
