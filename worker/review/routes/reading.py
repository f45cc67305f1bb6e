"""What can be looked at."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, get_args

from markupsafe import Markup
from starlette.routing import Route

from worker.about.facts import evaluation_of, facts_of
from worker.about.page import body
from worker.records import Action
from worker.review.access import RefusedError
from worker.review.case import State
from worker.review.pages import (
    CANT_SAY,
    appeals_page,
    audit_page,
    author_page,
    flag_page,
    is_hidden,
    people_page,
    queue_page,
)
from worker.review.queue import Filters
from worker.review.routes.standing import standing_for
from worker.review.sessions import ROLES
from worker.verdicts import outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from worker.review.console import Console
    from worker.review.routes.gate import Gate
    from worker.review.sessions import Person

_ACTIONS: Final[tuple[Action, ...]] = get_args(Action)
_STATES: Final[tuple[State, ...]] = get_args(State)


class Reading:
    """Queue, flag, author, appeals, people, audit trail.

    Args:
        console: what is shown.
        gate: before the pages.
    """

    def __init__(self, console: Console, gate: Gate) -> None:
        self._console = console
        self._review = console.settings.review
        self._gate = gate
        # The page's own templates have escaped what is in it.
        self._about = Markup(body(facts_of(console.settings, evaluation_of(console.settings))))  # noqa: S704

    def routes(self) -> list[Route]:
        """The routes."""
        get = partial(self._gate.get, ROLES)
        return [
            Route("/", get(self._queue)),
            Route("/flag", get(self._flag)),
            Route("/author", get(self._author)),
            Route("/about", get(self._tell)),
            Route("/appeals", get(self._appeals)),
            Route("/people", self._gate.get(("lead", "auditor"), self._people)),
            Route("/audit", self._gate.get(("auditor",), self._audit)),
        ]

    def _queue(self, request: Request, person: Person) -> Response:
        values = queue_page(self._console, person, _filters(request.query_params))
        done = self._done(request.query_params.get("done", ""), person)
        return self._gate.page(
            "queue.html", person, done=done, empty="empty" in request.query_params, **values
        )

    def _flag(self, request: Request, person: Person) -> Response:
        standing = standing_for(self._console, request.query_params.get("id", ""), person)
        values = flag_page(self._console, person, standing)
        self._console.audit.note("saw", person.name, flag_id=standing.flag.id)
        said = CANT_SAY.get(request.query_params.get("said", ""), "")
        done = self._done(request.query_params.get("done", ""), person)
        return self._gate.page("flag.html", person, done=done, said=said, **values)

    def _author(self, request: Request, person: Person) -> Response:
        if self._review.hide_until_verdict and person.role == "reviewer":
            raise RefusedError(403, "An author's scores are hidden from reviewers here.", person.name)
        author_id = request.query_params.get("id", "")
        self._console.audit.note("saw-author", person.name, author_id=author_id)
        return self._gate.page("author.html", person, **author_page(self._console, author_id))

    def _appeals(self, request: Request, person: Person) -> Response:
        del request
        return self._gate.page("appeals.html", person, **appeals_page(self._console))

    def _tell(self, request: Request, person: Person) -> Response:
        del request
        return self._gate.page("about.html", person, about=self._about)

    def _people(self, request: Request, person: Person) -> Response:
        del request
        return self._gate.page("people.html", person, **people_page(self._console))

    def _audit(self, request: Request, person: Person) -> Response:
        del request
        return self._gate.page("audit.html", person, **audit_page(self._console))

    def _done(self, flag_id: str, person: Person) -> dict[str, Any] | None:
        """What somebody did last, so that it can be taken back."""
        standing = self._console.standing(flag_id) if flag_id else None
        mine = [] if standing is None else [one for one in standing.entries if one.reviewer == person.name]
        if standing is None or not mine or mine[-1].kind == "undo":
            return None
        return {
            "entry": mine[-1],
            "before": len(mine),
            "outcome": outcome(mine[-1].verdict) if mine[-1].appeals else None,
            "was_hidden": self._review.hide_until_verdict and not is_hidden(self._console, person, standing),
        }


def _filters(query: Mapping[str, str]) -> Filters:
    """The filters of an address; what is none is left out."""
    state: State = next((one for one in _STATES if one == query.get("state")), "open")
    action = next((one for one in _ACTIONS if one == query.get("action")), None)
    try:
        least = min(max(float(query["least"]), 0.0), 1.0) if query.get("least") else None
    except ValueError:
        least = None
    try:
        urgency, posted, flag_id = query.get("after", "").split("|", 2)
        after = (float(urgency), int(posted), flag_id)
    except ValueError:
        after = None
    return Filters(state, action, query.get("author") or None, query.get("post") or None, least, after)
