"""Checks of the console: who may enter, the sign-in provider, the database. Only where any of it is set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.checks.finding import Finding
from worker.errors import FlagstaffError
from worker.extras import how_to_install

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worker.settings import ReviewSettings


def check_console(review: ReviewSettings) -> Iterator[Finding]:
    """Findings on what `flagstaff review` needs."""
    if not review.configured:
        return
    entry = _found("console's access", _access, review)
    yield entry
    if review.access == "oidc" and entry.status == "ok":
        yield _found("console's sign-in", _provider, review)
    if "://" in review.database:
        yield _found("console's database", _database, review)


def _found(what: str, look: Callable[[ReviewSettings], tuple[str, str]], review: ReviewSettings) -> Finding:
    try:
        detail, warning = look(review)
    except FlagstaffError as error:
        return Finding("fail", what, str(error))
    except ModuleNotFoundError as error:
        if (missing := how_to_install(error)) is None:
            raise
        return Finding("fail", what, missing)
    return Finding("warn" if warning else "ok", what, f"{detail}; {warning}" if warning else detail)


def _access(review: ReviewSettings) -> tuple[str, str]:
    # Here and below: the packages of the extra `console` are not everywhere.
    from worker.review.access_check import check_access  # noqa: PLC0415 - see above

    check_access(review)
    return f"by {review.access}", ""


def _provider(review: ReviewSettings) -> tuple[str, str]:
    from worker.review.provider import Provider  # noqa: PLC0415 - see above

    provider = Provider(review)
    count = len(provider.keys().keys)
    detail = f"{review.oidc.issuer}: keys: {count}, signatures: {', '.join(provider.algorithms())}"
    if "S256" not in provider.metadata().get("code_challenge_methods_supported", []):
        return detail, "it does not say that it knows PKCE with S256, which the console uses all the same"
    return detail, ""


def _database(review: ReviewSettings) -> tuple[str, str]:
    from worker.review.database import try_out  # noqa: PLC0415 - see above

    return try_out(review.database), ""
