"""The command line as its users run it: a process of its own, with settings from the environment."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

from tests.support.waiting import PATIENCE_S
from worker.settings import PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> list[str]:
        """What it told on standard error; a busy broker's client may have logged something in between."""
        return [text for text in self.err.splitlines() if not text.startswith('{"')]


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with these settings and no others."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return plain | {f"{PREFIX}{name}": value for name, value in settings.items()}


def flagstaff(
    *arguments: str,
    settings: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    timeout_s: float = PATIENCE_S,
) -> Ended:
    """Runs `flagstaff ARGUMENTS` to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "worker.commands", *arguments],
        input=stdin,
        capture_output=True,
        env=environment(settings or {}),
        timeout=timeout_s,
        check=False,
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())
