"""`flagstaff redrive`: dead letters back to the posts topic."""

from __future__ import annotations

import click
from kafka.errors import KafkaError

from worker.commands.context import settings_of
from worker.errors import BrokerError
from worker.stream.redrive import Choice
from worker.stream.redrive import redrive as send_back
from worker.stream.refusal import in_words


@click.command("redrive")
@click.option(
    "--stage",
    type=click.Choice(["decode", "detect", "signal", "publish"]),
    help="Only letters of this stage.",
)
@click.option("--error", "error_contains", metavar="TEXT", help="Only letters whose error contains this.")
@click.option("--max-attempts", type=click.IntRange(min=1), help="Only letters that failed at most so often.")
@click.option("--limit", type=click.IntRange(min=1), help="Send at most so many.")
@click.pass_context
def redrive(
    ctx: click.Context,
    *,
    stage: str | None,
    error_contains: str | None,
    max_attempts: int | None,
    limit: int | None,
) -> None:
    """Send chosen dead letters back to the posts topic, once each.

    A redrive that was killed goes on where it stopped; letters that were sent back before are passed over.
    """
    settings = settings_of(ctx)
    choice = Choice(stage, error_contains, max_attempts)
    try:
        result = send_back(
            settings, choice, limit=limit, progress=lambda sent: click.echo(f"{sent} sent back", err=True)
        )
    except KafkaError as error:
        raise BrokerError(
            f"redrive: {in_words(error)}; what was reported as sent is sent, run it again for the rest"
        ) from error
    click.echo(
        f"{result.letters} dead letters: {result.sent} sent back, {result.sent_before} sent back before, "
        f"{result.not_chosen} not chosen"
    )
