"""The console as its users run it, and people who enter it with a browser."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from tests.support.command import environment
from tests.support.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playwright.sync_api import Browser, Page

ON_A_POST: Final = re.compile(r"/flag\?id=")


@contextmanager
def served_console(settings: Mapping[str, str], *people: str) -> Iterator[list[str]]:
    """Runs `flagstaff review` and gives each person's link; ends it as an operator would."""
    process = subprocess.Popen(
        [sys.executable, "-m", "worker.commands", "review"]
        + [part for one in people for part in ("--as", one)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(settings),
    )
    assert process.stdout is not None
    try:
        yield [process.stdout.readline().split()[0] for _ in people]
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def enter(at: Browser, link: str, problems: list[str], **context: Any) -> Page:
    """Somebody's page, entered by their link; what a browser complains of is added to `problems`."""
    page = at.new_context(**context).new_page()
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("dialog", lambda dialog: problems.append(dialog.message))
    page.goto(link)
    return page
