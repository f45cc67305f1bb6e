"""Who somebody is: by their session, or by what a trusted proxy says."""

from __future__ import annotations

import hmac
import ipaddress
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from worker.review.console import now_ms
from worker.review.sessions import ROLES, Person

if TYPE_CHECKING:
    from starlette.requests import Request

    from worker.review.sessions import Sessions
    from worker.settings import ReviewSettings

SECRET_HEADER: Final = "X-Flagstaff-Proxy-Secret"  # noqa: S105 - the header's name
_LONGEST_NAME: Final = 200


class RefusedError(Exception):
    """Somebody may not do what they ask for. Its text is one sentence for the page and the audit trail.

    Attributes:
        status: the answer's.
        who: their name, as far as it is known.
    """

    def __init__(self, status: int, sentence: str, who: str = "") -> None:
        super().__init__(sentence)
        self.status = status
        self.who = who


class Cookies:
    """The names of the console's cookies, and whether browsers send them over TLS alone.

    Over TLS a name begins with `__Host-`, so that no other host of the same domain can set it (RFC 6265bis,
    section 4.1.3).

    Args:
        review: with `access=oidc`, `public_url` says whether there is TLS. By link the console speaks plain
            HTTP, to this machine alone.
    """

    def __init__(self, review: ReviewSettings) -> None:
        self.secure = review.access == "oidc" and review.public_url.startswith("https://")
        prefix = "__Host-" if self.secure else ""
        self.session = f"{prefix}flagstaff"
        self.sign_in = f"{prefix}flagstaff-sign-in"


def is_secure(address: str) -> bool:
    """Whether nobody on the way can read or change what goes to an address: `https`, or this machine."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_own(host)))


def is_own(host: str) -> bool:
    """Whether a host is this machine's own, not to be reached from outside."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_name(name: str) -> bool:
    """Whether somebody may be called this."""
    return 0 < len(name) <= _LONGEST_NAME and name.isprintable()


def person_of(request: Request, review: ReviewSettings, sessions: Sessions) -> Person:
    """Who asks.

    Raises:
        RefusedError: nobody who may.
    """
    if review.access == "proxy":
        return _from_proxy(request, review)
    key = request.cookies.get(Cookies(review).session)
    person = None if key is None else sessions.find(key, now_ms())
    if person is None:
        again = "Ask for a new link from `flagstaff review`." if review.access == "link" else "Sign in."
        raise RefusedError(401, f"There is no session, or it is over. {again}")
    return person


def _from_proxy(request: Request, review: ReviewSettings) -> Person:
    address = request.client.host if request.client else ""
    secret = request.headers.get(SECRET_HEADER, "")
    if address not in review.proxy_addresses or not _same(secret, review.proxy_secret):
        raise RefusedError(403, "This console is reached through its proxy alone.")
    names = request.headers.getlist(review.proxy_user_header)
    roles = request.headers.getlist(review.proxy_role_header)
    # Two headers of a name: one of them may have come from outside, past the proxy.
    if len(names) != 1 or not is_name(names[0].strip()) or len(roles) > 1:
        raise RefusedError(403, "The proxy does not say who you are.")
    name, given = names[0].strip(), roles[0].strip() if roles else "reviewer"
    role = next((one for one in ROLES if one == given), None)
    if role is None:
        raise RefusedError(403, "The proxy names a role that is none of this console's.", name)
    form_key = hmac.new(review.proxy_secret.encode(), f"{role}:{name}".encode(), sha256).hexdigest()
    return Person(name, role, form_key)


def check_form(request: Request, person: Person, form_key: str) -> None:
    """Looks whether a form comes from a page of this console.

    Raises:
        RefusedError: it does not, or that can't be told.
    """
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    elsewhere = origin is not None and origin.partition("://")[2] != request.headers.get("host")
    if site != "same-origin" or elsewhere or not _same(form_key, person.form_key):
        raise RefusedError(403, "This form does not come from a page of this console.", person.name)


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode())
