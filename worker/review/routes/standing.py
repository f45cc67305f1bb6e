"""What reading and deciding ask of a flag alike."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.responses import RedirectResponse

from worker.review.access import RefusedError

if TYPE_CHECKING:
    from starlette.responses import Response

    from worker.review.console import Console
    from worker.review.sessions import Person
    from worker.review.view import Standing


def standing_for(console: Console, flag_id: str, person: Person) -> Standing:
    """A flag and how things stand with it.

    Raises:
        RefusedError: there is no such flag.
    """
    standing = console.standing(flag_id)
    if standing is None:
        raise RefusedError(404, "There is no such flag.", person.name)
    return standing


def redirect(path: str, query: dict[str, str]) -> Response:
    """Sends the browser to a page of the console."""
    return RedirectResponse(f"{path}?{urlencode(query)}" if query else path, 303)
