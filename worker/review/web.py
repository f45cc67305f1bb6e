"""The console's web application: who may ask for what, and which page answers."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args
from urllib.parse import urlencode

import structlog
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from kafka.errors import KafkaError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from worker.errors import BrokerError
from worker.records import Action, Verdict
from worker.review.access import COOKIE, RefusedError, check_form, person_of
from worker.review.case import State
from worker.review.console import now_ms
from worker.review.defence import SecurityHeaders, form_of
from worker.review.pages import (
    CANT_SAY,
    audit_page,
    author_page,
    flag_page,
    is_hidden,
    moment,
    people_page,
    queue_page,
)
from worker.review.queue import Filters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from worker.review.console import Console
    from worker.review.entry import Kind
    from worker.review.sessions import Links, Person, Role, Sessions
    from worker.review.view import Standing

log = structlog.get_logger(__name__)

_FOLDER: Final = Path(__file__).parent
_EVERYBODY: Final = ("reviewer", "lead", "auditor")
_DECIDING: Final = ("reviewer", "lead")
_LONGEST_NOTE: Final = 2_000
_KINDS: Final[Mapping[str, Kind]] = {"verdict": "verdict", "undo": "undo", "hand-over": "hand-over"}
_ACTIONS: Final[tuple[Action, ...]] = get_args(Action)
_VERDICTS: Final[tuple[Verdict, ...]] = get_args(Verdict)
_STATES: Final[tuple[State, ...]] = get_args(State)


class Web:
    """The routes.

    Args:
        console: what is shown and done.
        links: links that let somebody in once.
        sessions: who is signed in.
    """

    def __init__(self, console: Console, links: Links, sessions: Sessions) -> None:
        self._console = console
        self._review = console.settings.review
        self._links = links
        self._sessions = sessions
        self._templates = Environment(
            loader=FileSystemLoader(_FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["moment"] = moment
        self._templates.filters["query"] = urlencode

    def app(self) -> Starlette:
        """The ASGI application."""
        get, post = partial(self._get, _EVERYBODY), partial(self._post, _DECIDING)
        return Starlette(
            routes=[
                Route("/live", self._live),
                Route("/enter", self._enter),
                Route("/", get(self._queue)),
                Route("/flag", get(self._flag)),
                Route("/author", get(self._author)),
                Route("/people", self._get(("lead", "auditor"), self._people)),
                Route("/audit", self._get(("auditor",), self._audit)),
                Route("/next", post(self._next), methods=["POST"]),
                Route("/take", post(self._take), methods=["POST"]),
                Route("/release", post(self._release), methods=["POST"]),
                Route("/act", post(self._act), methods=["POST"]),
                Route("/leave", self._post(_EVERYBODY, self._leave), methods=["POST"]),
                Mount("/static", StaticFiles(directory=_FOLDER / "static")),
            ],
            middleware=[
                Middleware(SecurityHeaders),
                Middleware(TrustedHostMiddleware, allowed_hosts=list(self._review.hosts), www_redirect=False),
            ],
            exception_handlers={HTTPException: _http_error, 500: _unexpected},  # type: ignore[dict-item]  # each takes its own error
        )

    def _get(
        self, roles: tuple[Role, ...], page: Callable[[Request, Person], Response]
    ) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            return await run_in_threadpool(self._answered, roles, page, request)

        return answer

    def _post(
        self, roles: tuple[Role, ...], work: Callable[[Person, dict[str, str]], Response]
    ) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            try:
                form = await form_of(request)
            except RefusedError as error:
                return await run_in_threadpool(self._refused, request, error)

            def checked(request: Request, person: Person) -> Response:
                check_form(request, person, form.get("form_key", ""))
                return work(person, form)

            return await run_in_threadpool(self._answered, roles, checked, request)

        return answer

    def _answered(
        self, roles: tuple[Role, ...], page: Callable[[Request, Person], Response], request: Request
    ) -> Response:
        person: Person | None = None
        try:
            person = person_of(request, self._review, self._sessions)
            if person.role not in roles:
                raise RefusedError(403, f"A {person.role} may not do this.", person.name)  # noqa: TRY301 - one way out for all refusals
            return page(request, person)
        except RefusedError as error:
            return self._refused(request, error)
        except (BrokerError, KafkaError) as error:
            log.warning("review_kafka_away", error=str(error) or type(error).__name__)
            return self._page(
                "message.html",
                person,
                status=503,
                title="Kafka does not answer",
                sentence="Nothing is lost: go back and send the form again in a moment. It is written once, "
                "however often it is sent.",
            )

    def _refused(self, request: Request, error: RefusedError) -> Response:
        self._console.audit.note(
            "refused",
            error.who,
            path=request.url.path,
            why=str(error),
            address=request.client.host if request.client else "",
        )
        return self._page("message.html", None, status=error.status, title="Refused", sentence=str(error))

    def _page(self, template: str, person: Person | None, *, status: int = 200, **values: Any) -> Response:
        html = self._templates.get_template(template).render(person=person, review=self._review, **values)
        return HTMLResponse(html, status)

    def _live(self, _: Request) -> Response:
        return PlainTextResponse(
            "ok\n" if self._console.alive else "the view has stopped\n", 200 if self._console.alive else 503
        )

    def _enter(self, request: Request) -> Response:
        given = (
            self._links.use(request.query_params.get("key", "")) if self._review.access == "link" else None
        )
        if given is None:
            return self._refused(
                request, RefusedError(401, "This link was used before, or is none of this console's.")
            )
        name, role = given
        key = self._sessions.begin(name, role, now_ms())
        self._console.audit.note("entered", name, role=role)
        answer = RedirectResponse("/", 303)
        # Not `secure`: the console speaks plain HTTP, to this machine alone.
        answer.set_cookie(COOKIE, key, max_age=self._review.session_s, httponly=True, samesite="strict")
        return answer

    def _leave(self, person: Person, form: dict[str, str]) -> Response:
        del form
        self._sessions.end(person.session)
        self._console.audit.note("left", person.name)
        return self._page("message.html", None, title="Signed out", sentence="The session is over.")

    def _queue(self, request: Request, person: Person) -> Response:
        values = queue_page(self._console, person, _filters(request.query_params))
        done = self._done(request.query_params.get("done", ""), person)
        return self._page("queue.html", person, done=done, empty="empty" in request.query_params, **values)

    def _flag(self, request: Request, person: Person) -> Response:
        standing = self._standing(request.query_params.get("id", ""), person)
        values = flag_page(self._console, person, standing)
        self._console.audit.note("saw", person.name, flag_id=standing.flag.id)
        said = CANT_SAY.get(request.query_params.get("said", ""), "")
        done = self._done(request.query_params.get("done", ""), person)
        return self._page("flag.html", person, done=done, said=said, **values)

    def _author(self, request: Request, person: Person) -> Response:
        if self._review.hide_until_verdict and person.role == "reviewer":
            raise RefusedError(403, "An author's scores are hidden from reviewers here.", person.name)
        author_id = request.query_params.get("id", "")
        self._console.audit.note("saw-author", person.name, author_id=author_id)
        return self._page("author.html", person, **author_page(self._console, author_id))

    def _people(self, request: Request, person: Person) -> Response:
        del request
        return self._page("people.html", person, **people_page(self._console))

    def _audit(self, request: Request, person: Person) -> Response:
        del request
        return self._page("audit.html", person, **audit_page(self._console))

    def _next(self, person: Person, form: dict[str, str]) -> Response:
        return self._to_next(person, {"done": done} if (done := form.get("done")) else {})

    def _to_next(self, person: Person, more: dict[str, str]) -> Response:
        flag_id = self._console.next_for(person.name, lead=person.role == "lead")
        if flag_id is None:
            return _redirect("/", {**more, "empty": "1"})
        return _redirect("/flag", {"id": flag_id, **more})

    def _take(self, person: Person, form: dict[str, str]) -> Response:
        standing = self._standing(form.get("id", ""), person)
        self._may_decide(person, standing)
        taken = self._console.queue.take(standing.flag.id, person.name, now_ms())
        return _redirect("/flag", {"id": standing.flag.id} | ({} if taken else {"said": "not-in-hand"}))

    def _release(self, person: Person, form: dict[str, str]) -> Response:
        self._console.queue.release(form.get("id", ""), person.name)
        return _redirect("/", {})

    def _act(self, person: Person, form: dict[str, str]) -> Response:
        standing = self._standing(form.get("id", ""), person)
        kind = _KINDS.get(form.get("kind", ""))
        verdict = next((one for one in _VERDICTS if one == form.get("verdict", "unsure")), None)
        before, note = form.get("before", ""), form.get("note", "").strip()
        if kind is None or verdict is None or not (before.isdecimal() and len(before) < 9):  # noqa: PLR2004 - far more than anybody does
            raise RefusedError(400, "This is no form of the console.", person.name)
        if len(note) > _LONGEST_NOTE:
            raise RefusedError(
                400,
                f"The note is longer than {_LONGEST_NOTE} characters; go back and shorten it.",
                person.name,
            )
        if kind != "undo":
            self._may_decide(person, standing)
        outcome = self._console.act(
            standing=standing,
            reviewer=person.name,
            kind=kind,
            verdict=verdict if kind == "verdict" else "unsure",
            note=note,
            before=int(before),
        )
        if outcome not in {"written", "written-before"}:
            return _redirect("/flag", {"id": standing.flag.id, "said": outcome})
        if kind == "undo":
            self._console.queue.take(standing.flag.id, person.name, now_ms())
            return _redirect("/flag", {"id": standing.flag.id})
        return self._to_next(person, {"done": standing.flag.id})

    def _may_decide(self, person: Person, standing: Standing) -> None:
        if standing.case.state == "handed-over" and person.role != "lead":
            raise RefusedError(403, "This post was handed over: a lead decides.", person.name)

    def _standing(self, flag_id: str, person: Person) -> Standing:
        standing = self._console.standing(flag_id)
        if standing is None:
            raise RefusedError(404, "There is no such flag.", person.name)
        return standing

    def _done(self, flag_id: str, person: Person) -> dict[str, Any] | None:
        """What somebody did last, so that it can be taken back."""
        standing = self._console.standing(flag_id) if flag_id else None
        mine = [] if standing is None else [one for one in standing.entries if one.reviewer == person.name]
        if standing is None or not mine or mine[-1].kind == "undo":
            return None
        return {
            "entry": mine[-1],
            "before": len(mine),
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


def _redirect(path: str, query: dict[str, str]) -> Response:
    return RedirectResponse(f"{path}?{urlencode(query)}" if query else path, 303)


def _http_error(_: Request, error: HTTPException) -> Response:
    return PlainTextResponse(f"{error.detail}\n", error.status_code)


def _unexpected(_: Request, error: Exception) -> Response:
    del error  # it is in the log
    return PlainTextResponse("Something went wrong; it is in the console's log.\n", 500)
