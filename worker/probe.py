"""Asks a container's processes how they are: what Kubernetes runs as its probes, and the image's HEALTHCHECK.

`python -m worker.probe QUESTION [PORT…]`, with exit code 0 where all is well, else 1 and one line on standard
error. Without ports it asks those of the settings in the environment; where these stand in a file, name the
ports. It imports next to nothing, since it is run every few seconds beside a busy worker.

One container holds several processes, each with a port of its own, so a probe over HTTP would see the first
one alone. And a process that ended is no reason to kill its container: the supervisor starts it again, as it
does while no broker answers, and the others go on.
"""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PORT: Final = 9464
_ANSWERS_WITHIN_S: Final = 5.0
_LONGEST_ANSWER: Final = 65_536


class _Question(NamedTuple):
    path: str
    # Whether a port on which nobody listens is well.
    may_be_away: bool


QUESTIONS: Final = {
    # The start is over: the model is loaded.
    "started": _Question("/live", may_be_away=False),
    # No main loop is stuck. One that hangs does listen, and says so or stays silent.
    "live": _Question("/live", may_be_away=True),
    # All processes do their work.
    "ready": _Question("/ready", may_be_away=False),
}


def objection(question: str, port: int, *, patience_s: float = _ANSWERS_WITHIN_S) -> str:
    """Why a process is not well; empty where it is.

    Args:
        question: one of `QUESTIONS`.
        port: where it listens, on this machine.
        patience_s: longest wait for the connection and for each part of the answer.
    """
    asked = QUESTIONS[question]
    request = f"GET {asked.path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection(("localhost", port), patience_s) as connection:
            connection.sendall(request.encode())
            with connection.makefile("rb") as answer:
                status = answer.readline(_LONGEST_ANSWER).decode("latin-1").split()
                body = answer.read(_LONGEST_ANSWER).partition(b"\r\n\r\n")[2]
    except ConnectionRefusedError:
        return "" if asked.may_be_away else f"port {port}: nobody listens"
    except OSError as error:
        return f"port {port}: {error}"
    if status[1:2] == ["200"]:
        return ""
    said = body.decode("utf-8", "replace").strip() or " ".join(status) or "no answer"
    return f"port {port}: {said}"


def ports_of(environ: Mapping[str, str]) -> list[str]:
    """The port of each worker process by the environment's settings; none where none is served."""
    first = int(environ.get("FLAGSTAFF_HTTP__PORT") or _PORT)
    processes = int(environ.get("FLAGSTAFF_PROCESSES") or 1)
    return [str(first + number) for number in range(processes)] if first else []


def main(arguments: Sequence[str]) -> int:
    """Asks each port, and returns the exit code."""
    question, *ports = arguments or [""]
    if question not in QUESTIONS or not all(port.isdecimal() for port in ports):
        print(f"probe: write one of {', '.join(QUESTIONS)}, then ports", file=sys.stderr)  # noqa: T201 - its answer
        return 2
    ports = ports or ports_of(os.environ)
    objections = [said for port in ports if (said := objection(question, int(port)))]
    for said in objections:
        print(f"probe: {said}", file=sys.stderr)  # noqa: T201 - its answer
    return 1 if objections else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
