"""An OpenID Connect provider that is run by a test: it signs real ID tokens, and lies where a test asks.

It has the discovery document, the keys, the authorization endpoint (which asks nobody for a password), the
token endpoint with client authentication and PKCE, and RP-initiated sign-out.
"""

from __future__ import annotations

import base64
import secrets
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse
from starlette.routing import Route

from tests.support.served import served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.requests import Request
    from starlette.responses import Response

CLIENT = "flagstaff-console"
CLIENT_SECRET = "a secret of this test: 50 % & more"  # noqa: S105 - of a provider that lives as long as a test


class OidcProvider:
    """What it says and does.

    Attributes:
        person: claims of whoever signs in next, beside those that a provider adds.
        change: changes the claims of the next ID tokens before they are signed.
        key: signs them; its public half is what is published.
        sign: makes an ID token of claims.
        metadata: what is changed in the discovery document.
        tokens: how many ID tokens were given out.
    """

    def __init__(self, address: str) -> None:
        self.issuer = address
        self.person: dict[str, Any] = {}
        self.change: Callable[[dict[str, Any]], dict[str, Any]] = dict
        self.key = new_key("first")
        self.sign: Callable[[dict[str, Any]], str] = self.signed
        self.metadata: dict[str, Any] = {}
        self.tokens = 0
        self._codes: dict[str, dict[str, str]] = {}

    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._discovery),
                Route("/keys", self._keys),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
                Route("/end", self._end),
            ]
        )

    def signed(self, claims: dict[str, Any], key: RSAKey | None = None) -> str:
        """An ID token, signed with this key or the provider's own."""
        key = key or self.key
        return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)

    def _discovery(self, _: Request) -> Response:
        said = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "end_session_endpoint": f"{self.issuer}/end",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }
        return JSONResponse(said | self.metadata)

    def _keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        if (
            asked.get("client_id") != CLIENT
            or asked.get("response_type") != "code"
            or "openid" not in asked.get("scope", "").split()
            or asked.get("code_challenge_method") != "S256"
        ):
            return JSONResponse({"error": "invalid_request"}, 400)
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        answer = {"code": code, "state": asked["state"], "iss": self.issuer}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}", 303)

    async def _token(self, request: Request) -> Response:
        given = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        expected = base64.b64encode(f"{CLIENT}:{CLIENT_SECRET}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {expected}":
            return JSONResponse({"error": "invalid_client"}, 401)
        asked = self._codes.pop(given.get("code", ""), None)
        if (
            asked is None
            or given.get("grant_type") != "authorization_code"
            or given.get("redirect_uri") != asked["redirect_uri"]
            or create_s256_code_challenge(given.get("code_verifier", "")) != asked["code_challenge"]
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": "subject-1",
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked.get("nonce"),
        }
        self.tokens += 1
        token = self.sign(self.change(claims | self.person))
        return JSONResponse(
            {"access_token": secrets.token_urlsafe(16), "token_type": "Bearer", "id_token": token}
        )

    def _end(self, request: Request) -> Response:
        return HTMLResponse(f"<title>Signed out</title>back to {request.query_params['client_id']}")


def new_key(name: str) -> RSAKey:
    """A key to sign with."""
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig"}, private=True)


@contextmanager
def running_provider() -> Iterator[OidcProvider]:
    """A provider that listens on this machine, until the block ends."""
    made: list[OidcProvider] = []

    def app(address: str) -> Starlette:
        made.append(OidcProvider(address))
        return made[0].app()

    with served(app):
        yield made[0]
