"""The image's HEALTHCHECK: exit code 0 while the main loop of every worker process turns.

It reads the two settings that it needs from the environment. Where they stand in a settings file instead,
give the container a health check of its own.
"""

from __future__ import annotations

import os
import sys
from http.client import HTTPConnection, HTTPException

_TIMEOUT_S = 3.0


def ill(first_port: int, processes: int) -> str | None:
    """The first process that does not say it is alive, in one line; None where all do."""
    for port in range(first_port, first_port + processes):
        connection = HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
        try:
            connection.request("GET", "/live")
            answer = connection.getresponse()
            said = answer.read().decode(errors="replace").strip()
        except (OSError, HTTPException) as error:
            return f"port {port}: {error}"
        finally:
            connection.close()
        if answer.status != 200:  # noqa: PLR2004 - HTTP's "OK"
            return f"port {port}: {said}"
    return None


if __name__ == "__main__":
    port = int(os.environ.get("FLAGSTAFF_HTTP__PORT") or 9464)
    sys.exit(ill(port, int(os.environ.get("FLAGSTAFF_PROCESSES") or 1)) if port else None)
