"""How somebody gets in, and out again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse
from starlette.routing import Route

from worker.review.access import COOKIE, RefusedError
from worker.review.console import now_ms
from worker.review.sessions import ROLES

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from worker.review.console import Console
    from worker.review.routes.gate import Gate
    from worker.review.sessions import Links, Person, Sessions


class Entering:
    """The one-time link, and signing out.

    Args:
        console: its audit trail and settings are used.
        gate: before the pages.
        links: links that let somebody in once.
        sessions: who is signed in.
    """

    def __init__(self, console: Console, gate: Gate, links: Links, sessions: Sessions) -> None:
        self._audit = console.audit
        self._review = console.settings.review
        self._gate = gate
        self._links = links
        self._sessions = sessions

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/enter", self._enter),
            Route("/leave", self._gate.post(ROLES, self._leave), methods=["POST"]),
        ]

    def _enter(self, request: Request) -> Response:
        given = (
            self._links.use(request.query_params.get("key", "")) if self._review.access == "link" else None
        )
        if given is None:
            return self._gate.refused(
                request, RefusedError(401, "This link was used before, or is none of this console's.")
            )
        name, role = given
        key = self._sessions.begin(name, role, now_ms())
        self._audit.note("entered", name, role=role)
        answer = RedirectResponse("/", 303)
        # Not `secure`: the console speaks plain HTTP, to this machine alone.
        answer.set_cookie(COOKIE, key, max_age=self._review.session_s, httponly=True, samesite="strict")
        return answer

    def _leave(self, person: Person, form: dict[str, str]) -> Response:
        del form
        self._sessions.end(person.session)
        self._audit.note("left", person.name)
        return self._gate.page("message.html", None, title="Signed out", sentence="The session is over.")
