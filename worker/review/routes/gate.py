"""The gate before every page: who asks, whether they may, and what is said where they may not."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import structlog
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from kafka.errors import KafkaError
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse

from worker.errors import BrokerError
from worker.review.access import RefusedError, check_form, person_of
from worker.review.defence import form_of
from worker.review.pages import moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from worker.review.console import Console
    from worker.review.sessions import Person, Role, Sessions

log = structlog.get_logger(__name__)

_AGAIN: Final = (
    "Nothing is lost: go back and send the form again in a moment. It is written once, however often it is "
    "sent."
)
FOLDER: Final = Path(__file__).parent.parent


class Gate:
    """Makes endpoints of pages and of what forms do.

    Args:
        console: what is shown and done.
        sessions: who is signed in.
    """

    def __init__(self, console: Console, sessions: Sessions) -> None:
        self._console = console
        self._review = console.settings.review
        self._sessions = sessions
        self._templates = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["moment"] = moment
        self._templates.filters["query"] = urlencode

    def get(
        self, roles: tuple[Role, ...], page: Callable[[Request, Person], Response]
    ) -> Callable[[Request], Any]:
        """An endpoint that shows a page to some roles."""

        async def answer(request: Request) -> Response:
            return await run_in_threadpool(self._answered, roles, page, request)

        return answer

    def post(
        self, roles: tuple[Role, ...], work: Callable[[Person, dict[str, str]], Response]
    ) -> Callable[[Request], Any]:
        """An endpoint that does what a form of the console's own pages asks for."""

        async def answer(request: Request) -> Response:
            try:
                form = await form_of(request)
            except RefusedError as error:
                return await run_in_threadpool(self.refused, request, error)

            def checked(request: Request, person: Person) -> Response:
                check_form(request, person, form.get("form_key", ""))
                return work(person, form)

            return await run_in_threadpool(self._answered, roles, checked, request)

        return answer

    def refused(self, request: Request, error: RefusedError) -> Response:
        """Says no, and notes it in the audit trail."""
        self._console.audit.note(
            "refused",
            error.who,
            path=request.url.path,
            why=str(error),
            address=request.client.host if request.client else "",
        )
        if self._review.access == "oidc" and error.status == HTTPStatus.UNAUTHORIZED:
            return self.page("sign_in.html", None, status=error.status, sentence=str(error))
        return self.page("message.html", None, status=error.status, title="Refused", sentence=str(error))

    def page(self, template: str, person: Person | None, *, status: int = 200, **values: Any) -> Response:
        """A page of a template."""
        html = self._templates.get_template(template).render(person=person, review=self._review, **values)
        return HTMLResponse(html, status)

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
            return self.refused(request, error)
        except (BrokerError, KafkaError) as error:
            log.warning("review_kafka_away", error=str(error) or type(error).__name__)
            return self.page(
                "message.html",
                person,
                status=503,
                title="Kafka does not answer",
                sentence=_AGAIN,
            )
        except SQLAlchemyError:
            log.exception("review_database_away")
            return self.page(
                "message.html", person, status=503, title="The database does not answer", sentence=_AGAIN
            )
