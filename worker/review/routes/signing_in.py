"""Signing in at the OpenID Connect provider."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse
from starlette.routing import Route

from worker.review.access import RefusedError
from worker.review.membership import Membership
from worker.review.provider import CALLBACK, Provider, ProviderError
from worker.review.sign_in import LONGEST_S, SignIn

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from starlette.requests import Request
    from starlette.responses import Response

    from worker.review.routes.entering import Entering
    from worker.review.routes.gate import Gate
    from worker.settings import ReviewSettings

log = structlog.get_logger(__name__)

_LONGEST: Final = 4_096


class SigningIn:
    """The way to the provider and back.

    Args:
        review: who the provider is.
        gate: what is refused is noted there.
        entering: begins sessions.
    """

    def __init__(self, review: ReviewSettings, gate: Gate, entering: Entering) -> None:
        self._issuer = review.oidc.issuer
        self._gate = gate
        self._entering = entering
        self._cookies = entering.cookies
        self._membership = Membership(review.oidc)
        self.provider = Provider(review)

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/sign-in", self._shown),
            Route("/sign-in/begin", self._answering(self._begun)),
            Route(CALLBACK, self._answering(self._back)),
        ]

    def _shown(self, _: Request) -> Response:
        return self._gate.page("sign_in.html", None, sentence="")

    def _answering(self, work: Callable[[Request], Response]) -> Callable[[Request], Any]:
        def answered(request: Request) -> Response:
            try:
                answer = work(request)
            except RefusedError as error:
                answer = self._gate.refused(request, error)
            except ProviderError as error:
                log.warning("review_provider_away", error=str(error))
                answer = self._gate.page(
                    "message.html",
                    None,
                    status=503,
                    title="Nobody can sign in now",
                    sentence="The sign-in provider does not answer as it should. Try again in a moment.",
                )
            return answer

        async def answer(request: Request) -> Response:
            return await run_in_threadpool(answered, request)

        return answer

    def _begun(self, _: Request) -> Response:
        sign_in = SignIn.begun()
        answer = RedirectResponse(self.provider.authorization_url(sign_in), 303)
        # Not `strict`: the browser comes back from another site, and the cookie must come with it.
        answer.set_cookie(
            self._cookies.sign_in,
            sign_in.to_cookie(),
            max_age=LONGEST_S,
            httponly=True,
            samesite="lax",
            secure=self._cookies.secure,
        )
        return answer

    def _back(self, request: Request) -> Response:
        query = request.query_params
        sign_in = SignIn.of_cookie(request.cookies.get(self._cookies.sign_in, ""))
        if sign_in is None or not sign_in.is_answered_by(query.get("state", "")):
            raise RefusedError(401, "This sign-in was not begun in this browser, or too long ago.")
        # RFC 9207: an answer that another provider sent.
        if not hmac.compare_digest(query.get("iss", self._issuer).encode(), self._issuer.encode()):
            raise RefusedError(401, "This answer comes from another sign-in provider.")
        code = query.get("code", "")
        if not 0 < len(code) <= _LONGEST:
            raise RefusedError(401, "The sign-in provider did not let you in.")
        name, role = self._membership.of(self.provider.claims(code, sign_in))
        key = self._entering.begin(request, name, role)
        # A page, and no redirect: on a way that another site began, browsers keep a `strict` cookie back.
        answer = self._gate.page("signed_in.html", None)
        self._entering.give(answer, key)
        answer.delete_cookie(
            self._cookies.sign_in, secure=self._cookies.secure, httponly=True, samesite="lax"
        )
        return answer
