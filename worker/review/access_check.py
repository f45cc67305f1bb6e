"""Whether the settings let in only whom they should: looked at before the console is served."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from worker.errors import SettingsError
from worker.review.access import SECRET_HEADER, is_own, is_secure
from worker.review.membership import Membership

if TYPE_CHECKING:
    from worker.settings import ReviewSettings

_SHORTEST_SECRET: Final = 32


def check_access(review: ReviewSettings) -> None:
    """Looks whether the settings let in only whom they should.

    Raises:
        SettingsError: they would let in others, or nobody.
    """
    if review.access == "link":
        _check_link(review)
    elif review.access == "proxy":
        _check_proxy(review)
    else:
        _check_oidc(review)


def _check_link(review: ReviewSettings) -> None:
    if not is_own(review.host):
        raise _wrong(
            "host",
            f"{review.host} can be reached from outside; with review.access=link it must be this machine's "
            "own address, such as 127.0.0.1",
        )


def _check_proxy(review: ReviewSettings) -> None:
    if len(review.proxy_secret) < _SHORTEST_SECRET:
        raise _wrong(
            "proxy_secret",
            f"with access=proxy it must have at least {_SHORTEST_SECRET} characters, which the proxy sends "
            f"as {SECRET_HEADER}",
            or_file=True,
        )


def _check_oidc(review: ReviewSettings) -> None:
    oidc = review.oidc
    if not is_secure(review.public_url) or urlsplit(review.public_url).path.strip("/"):
        raise _wrong(
            "public_url",
            f"{review.public_url!r}: with access=oidc it is the console's address in browsers, https:// and "
            "no path, such as https://review.example.org",
        )
    name = urlsplit(review.public_url).hostname
    if name not in review.hosts and "*" not in review.hosts:
        known = ", ".join(review.hosts)
        raise _wrong("hosts", f"{name}, the host of review.public_url, is not among {known}")
    if not is_secure(oidc.issuer):
        raise _wrong(
            "oidc.issuer", f"{oidc.issuer!r}: with access=oidc it is the provider's issuer, with https://"
        )
    if not oidc.client_id:
        raise _wrong("oidc.client_id", "with access=oidc it is the console's name at the provider")
    if not oidc.client_secret:
        raise _wrong("oidc.client_secret", "with access=oidc it is the client's secret", or_file=True)
    if "openid" not in oidc.scopes:
        raise _wrong("oidc.scopes", "'openid' is missing: without it there is no ID token")
    Membership(oidc)


def _wrong(setting: str, why: str, *, or_file: bool = False) -> SettingsError:
    variable = f"FLAGSTAFF_REVIEW__{setting.upper().replace('.', '__')}"
    return SettingsError(f"settings: review.{setting} ({variable}{' or …_FILE' if or_file else ''}): {why}")
