"""The console's web application, put together of its routes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from worker.review.defence import SecurityHeaders
from worker.review.routes.deciding import Deciding
from worker.review.routes.entering import Entering
from worker.review.routes.gate import FOLDER, Gate
from worker.review.routes.reading import Reading

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from worker.review.console import Console
    from worker.review.sessions import Links, Sessions


class Web:
    """The routes.

    Args:
        console: what is shown and done.
        links: links that let somebody in once.
        sessions: who is signed in.
    """

    def __init__(self, console: Console, links: Links, sessions: Sessions) -> None:
        self._console = console
        gate = Gate(console, sessions)
        self._entering = Entering(console, gate, links, sessions)
        self._reading = Reading(console, gate)
        self._deciding = Deciding(console, gate)

    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/live", self._live),
                *self._entering.routes(),
                *self._reading.routes(),
                *self._deciding.routes(),
                Mount("/static", StaticFiles(directory=FOLDER / "static")),
            ],
            middleware=[
                Middleware(SecurityHeaders),
                Middleware(
                    TrustedHostMiddleware,
                    allowed_hosts=list(self._console.settings.review.hosts),
                    www_redirect=False,
                ),
            ],
            exception_handlers={HTTPException: _http_error, 500: _unexpected},  # type: ignore[dict-item]  # each takes its own error
        )

    def _live(self, _: Request) -> Response:
        return PlainTextResponse(
            "ok\n" if self._console.alive else "the view has stopped\n", 200 if self._console.alive else 503
        )


def _http_error(_: Request, error: HTTPException) -> Response:
    return PlainTextResponse(f"{error.detail}\n", error.status_code)


def _unexpected(_: Request, error: Exception) -> Response:
    del error  # it is in the log
    return PlainTextResponse("Something went wrong; it is in the console's log.\n", 500)
