"""What reviewers do: take the next post, say a verdict, hand over, take back."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, get_args

from starlette.routing import Route

from worker.records import Verdict
from worker.review.access import RefusedError
from worker.review.console import now_ms
from worker.review.entry import KINDS
from worker.review.routes.standing import redirect, standing_for

if TYPE_CHECKING:
    from starlette.responses import Response

    from worker.review.console import Console
    from worker.review.routes.gate import Gate
    from worker.review.sessions import Person
    from worker.review.view import Standing

_DECIDING: Final = ("reviewer", "lead")
_LONGEST_NOTE: Final = 2_000
_VERDICTS: Final[tuple[Verdict, ...]] = get_args(Verdict)


class Deciding:
    """The forms of reviewers and leads.

    Args:
        console: what is done.
        gate: before the forms.
    """

    def __init__(self, console: Console, gate: Gate) -> None:
        self._console = console
        self._gate = gate

    def routes(self) -> list[Route]:
        """The routes."""
        post = partial(self._gate.post, _DECIDING)
        return [
            Route("/next", post(self._next), methods=["POST"]),
            Route("/take", post(self._take), methods=["POST"]),
            Route("/release", post(self._release), methods=["POST"]),
            Route("/act", post(self._act), methods=["POST"]),
        ]

    def _next(self, person: Person, form: dict[str, str]) -> Response:
        return self._to_next(person, {"done": done} if (done := form.get("done")) else {})

    def _to_next(self, person: Person, more: dict[str, str]) -> Response:
        flag_id = self._console.next_for(person.name, lead=person.role == "lead")
        if flag_id is None:
            return redirect("/", {**more, "empty": "1"})
        return redirect("/flag", {"id": flag_id, **more})

    def _take(self, person: Person, form: dict[str, str]) -> Response:
        standing = standing_for(self._console, form.get("id", ""), person)
        _may_decide(person, standing)
        flag_id = standing.flag.id
        if standing.case.bars(person.name):
            return redirect("/flag", {"id": flag_id, "said": "decided-before"})
        taken = self._console.queue.take(flag_id, person.name, now_ms())
        return redirect("/flag", {"id": flag_id} | ({} if taken else {"said": "not-in-hand"}))

    def _release(self, person: Person, form: dict[str, str]) -> Response:
        self._console.queue.release(form.get("id", ""), person.name)
        return redirect("/", {})

    def _act(self, person: Person, form: dict[str, str]) -> Response:
        standing = standing_for(self._console, form.get("id", ""), person)
        kind = next((one for one in KINDS if one == form.get("kind")), None)
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
            _may_decide(person, standing)
        outcome = self._console.act(
            standing=standing,
            reviewer=person.name,
            kind=kind,
            verdict=verdict if kind == "verdict" else "unsure",
            note=note,
            before=int(before),
            appeals=form.get("appeals", ""),
        )
        if outcome not in {"written", "written-before"}:
            return redirect("/flag", {"id": standing.flag.id, "said": outcome})
        if kind == "undo":
            self._console.queue.take(standing.flag.id, person.name, now_ms())
            return redirect("/flag", {"id": standing.flag.id})
        return self._to_next(person, {"done": standing.flag.id})


def _may_decide(person: Person, standing: Standing) -> None:
    if standing.case.state == "handed-over" and person.role != "lead":
        raise RefusedError(403, "This post was handed over: a lead decides.", person.name)
