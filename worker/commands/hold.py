"""`flagstaff hold`: which actions the action-rate breaker holds down to `label`, and lifting that."""

from __future__ import annotations

import getpass
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from kafka.errors import KafkaError

from worker.action_rate.hold import ACTIONS
from worker.commands.context import settings_of
from worker.errors import BrokerError, FlagstaffError, SettingsError
from worker.records import Hold
from worker.stream.hold_topic import HoldTopic, write_hold
from worker.stream.refusal import in_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.records import Holdable
    from worker.settings import Settings


@click.group("hold")
def hold() -> None:
    """Show which actions are held down to `label`, and lift that.

    The action-rate breaker holds an action down when its flags run far above their usual rate.
    """


@hold.command("show")
@click.pass_context
def show(ctx: click.Context) -> None:
    """Show each action of the group: held or not, since when, by whom, why."""
    standing = _standing(settings_of(ctx))
    for action in ACTIONS:
        click.echo(_line(action, standing.get(action)))


@hold.command("lift")
@click.argument("action", type=click.Choice(ACTIONS))
@click.option("--note", required=True, metavar="TEXT", help="What was found; stands in the record.")
@click.option(
    "--usual",
    type=float,
    metavar="SHARE",
    help="Count this share of decided posts as usual from now on; without: what is set or learned.",
)
@click.option("--by", metavar="NAME", help="Who lifts it; without: the user of this machine.")
@click.pass_context
def lift(ctx: click.Context, *, action: Holdable, note: str, usual: float | None, by: str | None) -> None:
    """Let an action through again, in all workers of the group.

    With --usual also where nothing is held: before a change that is meant to bring about more of the action.
    """
    settings = settings_of(ctx)
    if usual is not None and not 0 < usual < 1:
        raise SettingsError(f"hold lift: --usual must be a share between 0 and 1, not {usual:g}")
    standing = _standing(settings).get(action)
    if usual is None and (standing is None or not standing.held):
        raise FlagstaffError(f"hold lift: {action} is not held in the group {settings.kafka.group_id!r}")
    lifted = Hold(
        group=settings.kafka.group_id,
        action=action,
        held=False,
        by=by if by is not None else getpass.getuser(),
        at=datetime.now(UTC),
        note=note,
        share=None,
        usual=usual,
        posts=None,
    )
    write_hold(settings, lifted)
    click.echo(_line(action, lifted))


def _standing(settings: Settings) -> Mapping[Holdable, Hold]:
    try:
        with closing(HoldTopic(settings)) as topic:
            topic.catch_up()
            return topic.latest
    except KafkaError as error:
        raise BrokerError(f"hold: {in_words(error)}") from error


def _line(action: Holdable, standing: Hold | None) -> str:
    if standing is None:
        return f"{action}: not held"
    at = f"{standing.at:%Y-%m-%d %H:%M:%S} UTC"
    if standing.held:
        return f"{action}: HELD down to label since {at}, by {standing.by}: {standing.note}"
    usual = "" if standing.usual is None else f"; usual from then on: {standing.usual:g}"
    return f"{action}: not held; lifted {at}, by {standing.by}: {standing.note}{usual}"
