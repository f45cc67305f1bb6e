"""Serves the console over HTTP until it is told to stop."""

from __future__ import annotations

import socket
from contextlib import closing
from typing import TYPE_CHECKING

import uvicorn

from worker.errors import FlagstaffError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.applications import Starlette

_BACKLOG = 128
_GRACE_S = 10


def serve(app: Starlette, host: str, port: int, *, ready: Callable[[str], None]) -> None:
    """Serves until SIGTERM or Ctrl-C.

    Args:
        app: the application.
        host: address that is listened on.
        port: its port; 0: any that is free.
        ready: told the address before the first request is taken.

    Raises:
        FlagstaffError: the address can't be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except OSError as error:
            raise FlagstaffError(
                f"review: {host}:{port} can't be listened on: {error.strerror}; set FLAGSTAFF_REVIEW__PORT"
            ) from None
        listening.listen(_BACKLOG)
        shown = f"[{host}]" if family == socket.AF_INET6 else host
        ready(f"http://{shown}:{listening.getsockname()[1]}")
        # The peer's own address counts, never one that a header claims: access rests on it.
        config = uvicorn.Config(
            app,
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_config=None,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=_GRACE_S,
        )
        uvicorn.Server(config).run(sockets=[listening])
