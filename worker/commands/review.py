"""`flagstaff review`: the console in which the staff decide."""

from __future__ import annotations

import getpass
import signal
import time
from typing import TYPE_CHECKING, Final

import click
from kafka.errors import KafkaError

from worker.commands.context import settings_of
from worker.errors import BrokerError, SettingsError
from worker.review.access_check import check_access
from worker.review.console import opened
from worker.review.sessions import ROLES, Links, Sessions
from worker.stream.refusal import in_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.review.sessions import Role

_SAY_EVERY_S: Final = 5.0


@click.command("review")
@click.option(
    "--as",
    "people",
    multiple=True,
    metavar="NAME[:ROLE]",
    help="Print a one-time link for this person; may be given more than once. Roles: reviewer, lead, "
    "auditor. Without: the user of this machine, as lead.",
)
@click.pass_context
def review(ctx: click.Context, people: tuple[str, ...]) -> None:
    """Serve the console in which the staff decide about flags.

    It reads flags and decisions from their topics, and prints a link that lets one person in once. It can
    be reached from this machine alone, unless people sign in at an OpenID Connect provider or a trusted
    proxy stands before it (docs/review.md).
    """
    # Imported here: an extra, which is said in one line where it is missing.
    from worker.review.serving import serve  # noqa: PLC0415
    from worker.review.web import Web  # noqa: PLC0415

    settings = settings_of(ctx)
    check_access(settings.review)
    named = [_person(one) for one in people] or [(getpass.getuser(), "lead")]
    links = Links()

    def say(address: str) -> None:
        if settings.review.access == "proxy":
            click.echo(f"listening on {address}, for the proxy")
            return
        if settings.review.access == "oidc":
            click.echo(f"listening on {address}, for {settings.review.public_url}")
            return
        for name, role in named:
            click.echo(f"{address}/enter?key={links.make(name, role)}  lets {name} ({role}) in, once")

    # The server's own handler ends it; afterwards the signal comes once more, and is done with then.
    signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        with opened(settings, _caught_up()) as console:
            sessions = Sessions(
                console.database,
                longest_ms=settings.review.session_s * 1000,
                idle_ms=settings.review.session_idle_s * 1000,
            )
            app = Web(console, links, sessions).app()
            serve(app, settings.review.host, settings.review.port, ready=say)
    except KafkaError as error:
        raise BrokerError(f"review: {in_words(error)}; `flagstaff check` tells more") from error


def _caught_up() -> Callable[[int, int], None]:
    """Says now and then how far the topics are read; the first look at large ones takes a while."""
    said = time.monotonic()

    def update(done: int, total: int) -> None:
        nonlocal said
        if time.monotonic() - said > _SAY_EVERY_S:
            said = time.monotonic()
            click.echo(f"flags and decisions: {done} of {total} records read", err=True)

    return update


def _person(given: str) -> tuple[str, Role]:
    name, colon, wanted = given.partition(":")
    role = next((one for one in ROLES if one == (wanted if colon else "reviewer")), None)
    if not name or role is None:
        raise SettingsError(
            f"review: --as {given!r}: write NAME or NAME:ROLE, with a role of {', '.join(ROLES)}"
        )
    return name, role
