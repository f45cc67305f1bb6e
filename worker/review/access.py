"""Who somebody is: by the session of a one-time link, or by what a trusted proxy says."""

from __future__ import annotations

import hmac
import ipaddress
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from worker.errors import SettingsError
from worker.review.console import now_ms
from worker.review.sessions import ROLES, Person

if TYPE_CHECKING:
    from starlette.requests import Request

    from worker.review.sessions import Sessions
    from worker.settings import ReviewSettings

COOKIE: Final = "flagstaff"
SECRET_HEADER: Final = "X-Flagstaff-Proxy-Secret"  # noqa: S105 - the header's name
_SHORTEST_SECRET: Final = 32
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


def check_access(review: ReviewSettings) -> None:
    """Looks whether the settings let in only whom they should.

    Raises:
        SettingsError: they would let in others.
    """
    if review.access == "link":
        try:
            own = review.host == "localhost" or ipaddress.ip_address(review.host).is_loopback
        except ValueError:
            own = False
        if not own:
            raise SettingsError(
                f"settings: review.host (FLAGSTAFF_REVIEW__HOST): {review.host} can be reached from outside; "
                "with review.access=link it must be this machine's own address, such as 127.0.0.1"
            )
    elif len(review.proxy_secret) < _SHORTEST_SECRET:
        raise SettingsError(
            "settings: review.proxy_secret (FLAGSTAFF_REVIEW__PROXY_SECRET or …_FILE): with access=proxy "
            f"it must have at least {_SHORTEST_SECRET} characters, which the proxy sends as {SECRET_HEADER}"
        )


def person_of(request: Request, review: ReviewSettings, sessions: Sessions) -> Person:
    """Who asks.

    Raises:
        RefusedError: nobody who may.
    """
    if review.access == "link":
        key = request.cookies.get(COOKIE)
        person = None if key is None else sessions.find(key, now_ms())
        if person is None:
            raise RefusedError(
                401, "There is no session, or it is over. Ask for a new link from `flagstaff review`."
            )
        return person
    return _from_proxy(request, review)


def _from_proxy(request: Request, review: ReviewSettings) -> Person:
    address = request.client.host if request.client else ""
    secret = request.headers.get(SECRET_HEADER, "")
    if address not in review.proxy_addresses or not _same(secret, review.proxy_secret):
        raise RefusedError(403, "This console is reached through its proxy alone.")
    names = request.headers.getlist(review.proxy_user_header)
    roles = request.headers.getlist(review.proxy_role_header)
    # Two headers of a name: one of them may have come from outside, past the proxy.
    if len(names) != 1 or not 0 < len(names[0].strip()) <= _LONGEST_NAME or len(roles) > 1:
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
