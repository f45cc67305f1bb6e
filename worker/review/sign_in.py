"""One sign-in on its way: what ties the provider's answer to the browser that asked.

It is kept in a cookie of that browser alone, so that any console behind one address can take the answer. Its
parts are random and used once; who could forge the cookie could only sign in as themselves.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Final, NamedTuple

_SEPARATOR: Final = "."
_BYTES: Final = 32
_LENGTH: Final = 43

LONGEST_S: Final = 600


class SignIn(NamedTuple):
    """One sign-in.

    Attributes:
        state: comes back with the browser, so that nobody else's answer is taken for this one.
        nonce: comes back inside the ID token, so that no other token is.
        verifier: proves to the provider that who got the code asked for it (PKCE).
    """

    state: str
    nonce: str
    verifier: str

    @classmethod
    def begun(cls) -> SignIn:
        """A new one."""
        return cls(*(secrets.token_urlsafe(_BYTES) for _ in range(3)))

    @classmethod
    def of_cookie(cls, written: str) -> SignIn | None:
        """The one that a cookie holds."""
        parts = written.split(_SEPARATOR)
        if len(parts) != 3 or any(len(part) != _LENGTH for part in parts):  # noqa: PLR2004 - as many as there are
            return None
        return cls(*parts)

    def to_cookie(self) -> str:
        """As a cookie's value."""
        return _SEPARATOR.join(self)

    def is_answered_by(self, state: str) -> bool:
        """Whether an answer belongs to this one."""
        return hmac.compare_digest(state.encode("utf-8", "surrogatepass"), self.state.encode())
