"""How somebody gets in, and out again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse
from starlette.routing import Route

from worker.review.access import Cookies, RefusedError
from worker.review.console import now_ms
from worker.review.routes.signing_in import SigningIn
from worker.review.sessions import ROLES

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from worker.review.console import Console
    from worker.review.routes.gate import Gate
    from worker.review.sessions import Links, Person, Role, Sessions


class Entering:
    """The one-time link, what begins and ends a session, and with `access=oidc` the way to the provider.

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
        self.cookies = Cookies(self._review)
        self._signing_in = SigningIn(self._review, gate, self) if self._review.access == "oidc" else None

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/enter", self._enter),
            Route("/leave", self._gate.post(ROLES, self._leave), methods=["POST"]),
            *(self._signing_in.routes() if self._signing_in else []),
        ]

    def begin(self, request: Request, name: str, role: Role) -> str:
        """Begins a session, and ends the one that the browser had before; the new one's key."""
        if before := request.cookies.get(self.cookies.session):
            self._sessions.end(before)
        key = self._sessions.begin(name, role, now_ms())
        self._audit.note("entered", name, role=role, by=self._review.access)
        return key

    def give(self, answer: Response, key: str) -> None:
        """Gives a session's key to the browser."""
        answer.set_cookie(
            self.cookies.session,
            key,
            max_age=self._review.session_s,
            httponly=True,
            samesite="strict",
            secure=self.cookies.secure,
        )

    def _enter(self, request: Request) -> Response:
        given = (
            self._links.use(request.query_params.get("key", "")) if self._review.access == "link" else None
        )
        if given is None:
            return self._gate.refused(
                request, RefusedError(401, "This link was used before, or is none of this console's.")
            )
        answer = RedirectResponse("/", 303)
        self.give(answer, self.begin(request, *given))
        return answer

    def _leave(self, person: Person, form: dict[str, str]) -> Response:
        del form
        self._sessions.end(person.session)
        self._audit.note("left", person.name)
        elsewhere = self._signing_in.provider.sign_out_url() if self._signing_in else None
        answer = self._gate.page("signed_out.html", None, elsewhere=elsewhere)
        answer.delete_cookie(
            self.cookies.session, secure=self.cookies.secure, httponly=True, samesite="strict"
        )
        return answer
