"""The OpenID Connect provider: what it says of itself, and the two requests of a sign-in.

The authorization code flow with PKCE (OpenID Connect Core 1.0, section 3.1; RFC 7636), through Authlib: its
client asks for the tokens, joserfc checks the ID token's signature, and Authlib its claims.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import httpx2
from authlib.integrations.httpx_client import OAuth2Client, OAuthError
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from worker.errors import FlagstaffError
from worker.review.access import RefusedError, is_secure

if TYPE_CHECKING:
    from worker.review.sign_in import SignIn
    from worker.settings import ReviewSettings

CALLBACK: Final = "/sign-in/callback"

# Signatures that only the provider can make. With HS256 its clients could too; `none` is nobody's.
_ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA",
)  # fmt: skip
_TIMEOUT_S: Final = 10.0
_KEPT_S: Final = 3600.0
_LEEWAY_S: Final = 60
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class ProviderError(FlagstaffError):
    """The provider does not answer, or not as one does."""


class Provider:
    """Any thread calls it. Nothing is asked of the provider before the first sign-in.

    Args:
        review: issuer, client and the console's own address.
    """

    def __init__(self, review: ReviewSettings) -> None:
        self._oidc = review.oidc
        self._own = review.public_url.rstrip("/")
        self._turn = threading.Lock()
        self._metadata: dict[str, Any] = {}
        self._keys: KeySet | None = None
        self._until = 0.0

    def authorization_url(self, sign_in: SignIn) -> str:
        """Where the browser is sent to sign in.

        Raises:
            ProviderError: the provider does not answer.
        """
        metadata = self.metadata()
        with self._client() as client:
            url, _ = client.create_authorization_url(
                metadata["authorization_endpoint"],
                state=sign_in.state,
                nonce=sign_in.nonce,
                code_verifier=sign_in.verifier,
            )
        return str(url)

    def claims(self, code: str, sign_in: SignIn) -> dict[str, Any]:
        """The claims of the ID token that a code stands for: signed by the provider, for this sign-in.

        Raises:
            ProviderError: the provider does not answer.
            RefusedError: it does not take the code, or the token is not good for this sign-in.
        """
        metadata = self.metadata()
        try:
            with self._client(metadata.get("token_endpoint_auth_methods_supported")) as client:
                token = client.fetch_token(
                    metadata["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=sign_in.verifier,
                )
        except OAuthError as error:
            raise RefusedError(401, f"The sign-in provider refuses: {_code(error.error)}.") from error
        except (httpx2.HTTPError, ValueError) as error:
            raise _away(error) from error
        if not isinstance(token.get("id_token"), str):
            raise RefusedError(401, "The sign-in provider sends no ID token.")
        try:
            return self._checked(token, sign_in.nonce)
        except (JoseError, ValueError) as error:
            # Such as bad_signature, expired_token, invalid_claim: aud.
            raise RefusedError(401, f"The ID token is not good for this sign-in: {error}") from error

    def sign_out_url(self) -> str | None:
        """Where somebody can end their session with the provider too; None where it has no such place."""
        endpoint = self._metadata.get("end_session_endpoint")
        if not isinstance(endpoint, str) or not is_secure(endpoint):
            return None
        query = urlencode({"client_id": self._oidc.client_id, "post_logout_redirect_uri": f"{self._own}/"})
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"

    def metadata(self) -> dict[str, Any]:
        """What the provider says of itself (OpenID Connect Discovery 1.0); kept for an hour.

        Raises:
            ProviderError: it does not answer, or what it says can't be used.
        """
        with self._turn:
            if time.monotonic() >= self._until:
                address = f"{self._oidc.issuer.rstrip('/')}/.well-known/openid-configuration"
                metadata = _json(address)
                # Else another's keys would be taken for this provider's.
                if metadata.get("issuer") != self._oidc.issuer:
                    raise ProviderError(
                        f"the provider calls itself {metadata.get('issuer')!r}, not {self._oidc.issuer!r}: "
                        "set review.oidc.issuer to that, to the letter"
                    )
                for name in _ENDPOINTS:
                    if not isinstance(metadata.get(name), str) or not is_secure(metadata[name]):
                        raise ProviderError(f"{address} names no {name} with https")
                self._metadata, self._keys = metadata, None
                self._until = time.monotonic() + _KEPT_S
            return self._metadata

    def keys(self, *, anew: bool = False) -> KeySet:
        """The keys with which the provider signs.

        Args:
            anew: asks for them again, as when a token names one that is not known.

        Raises:
            ProviderError: it does not answer, or they are none.
        """
        address = self.metadata()["jwks_uri"]
        with self._turn:
            if self._keys is None or anew:
                found = _json(address)
                try:
                    self._keys = KeySet.import_key_set(found)  # type: ignore[arg-type]  # it is looked at there
                except (JoseError, ValueError, KeyError, TypeError) as error:
                    raise ProviderError(f"{address} holds no usable keys: {error}") from error
            return self._keys

    def algorithms(self) -> list[str]:
        """Which signatures the provider makes and the console takes.

        Raises:
            ProviderError: it does not answer, or there is none.
        """
        given = self.metadata().get("id_token_signing_alg_values_supported") or ["RS256"]
        if not (shared := [one for one in _ALGORITHMS if one in given]):
            raise ProviderError(f"the provider signs with none of {', '.join(_ALGORITHMS)}")
        return shared

    def _client(self, methods: list[str] | None = None) -> Any:
        method = "client_secret_basic"
        if methods and method not in methods and "client_secret_post" in methods:
            method = "client_secret_post"
        return OAuth2Client(
            client_id=self._oidc.client_id,
            client_secret=self._oidc.client_secret,
            scope=" ".join(self._oidc.scopes),
            redirect_uri=self._own + CALLBACK,
            code_challenge_method="S256",
            token_endpoint_auth_method=method,
            timeout=_TIMEOUT_S,
        )

    def _checked(self, token: dict[str, Any], nonce: str) -> dict[str, Any]:
        registry = JWSRegistry(algorithms=self.algorithms(), strict_check_header=False)
        try:
            decoded = jwt.decode(token["id_token"], self.keys(), registry=registry)
        except InvalidKeyIdError:
            decoded = jwt.decode(token["id_token"], self.keys(anew=True), registry=registry)
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            {
                "iss": {"essential": True, "value": self._oidc.issuer},
                "aud": {"essential": True, "value": self._oidc.client_id},
                "sub": {"essential": True},
            },
            {
                "nonce": nonce,
                "client_id": self._oidc.client_id,
                "access_token": token.get("access_token"),
            },
        )
        claims.validate(leeway=_LEEWAY_S)
        return dict(claims)


def _json(address: str) -> dict[str, Any]:
    try:
        answer = httpx2.get(address, timeout=_TIMEOUT_S)
        answer.raise_for_status()
        found = answer.json()
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        raise _away(error) from error
    if not isinstance(found, dict):
        raise ProviderError(f"{address} is no JSON object")
    return found


def _away(error: Exception) -> ProviderError:
    what = str(error).partition("\n")[0] or type(error).__name__
    return ProviderError(f"the sign-in provider does not answer as one: {what}")


def _code(error: object) -> str:
    """An error code (RFC 6749, section 5.2): nothing else that a provider writes is shown."""
    written = str(error)
    return written if written.replace("_", "").isalpha() and len(written) < 40 else "with no known reason"  # noqa: PLR2004 - the longest known has 26
