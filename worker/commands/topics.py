"""`flagstaff topics`: the topics as they should be, and who needs which rights."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Final

import click
import msgspec
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from worker.commands.context import settings_of
from worker.errors import BrokerError
from worker.stream.client import client_options
from worker.stream.refusal import in_words
from worker.topics.access import PARTS, rights
from worker.topics.acl_commands import acl_commands
from worker.topics.applying import apply, plans_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.settings import Settings
    from worker.topics.access import Part
    from worker.topics.plan import Deviation, Status, TopicPlan

_SIGNS: Final[dict[Status, tuple[str, str]]] = {
    "create": ("+", "green"),
    "change": ("~", "yellow"),
    "differs": ("!", "red"),
    "fine": ("=", "white"),
}
# Where no broker is named, as in Kafka's own documents.
_SERVERS: Final = "localhost:9092"


@click.command("topics")
@click.option("--apply", "applied", is_flag=True, help="Do what the plan says. Nothing is ever deleted.")
@click.option("--check", "checked", is_flag=True, help="Exit with 1 unless all is as it should be.")
@click.option("--leave", multiple=True, metavar="TOPIC", help="Leave this topic alone; may be repeated.")
@click.option("--acls", "part", type=click.Choice(PARTS), help="Print the rights that a part needs, and end.")
@click.option("--principal", metavar="User:NAME", help="Who gets them.")
@click.option("--host", default="*", show_default=True, help="From which address.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
@click.pass_context
def topics(  # noqa: PLR0913 - one argument an option
    ctx: click.Context,
    *,
    applied: bool,
    checked: bool,
    leave: tuple[str, ...],
    part: Part | None,
    principal: str | None,
    host: str,
    as_json: bool,
) -> None:
    """Show what is to be done so that the topics are as TOPIC_SHAPE says, and do it with --apply.

    A topic is created, changed, fine, or differs in a way that only a person should mend: no partition is
    taken away, no record deleted. With --acls: what a part of Flagstaff must be allowed to do, as lines for
    kafka-acls.sh; no broker is asked.
    """
    settings = settings_of(ctx)
    if part is not None:
        if applied or checked or leave:
            raise click.UsageError("--acls goes with --principal, --host and --json only.")
        _show_rights(settings, part, principal, host, as_json=as_json)
        return
    if principal is not None:
        raise click.UsageError("--principal goes with --acls only.")
    plans = _plans(settings, leave, applied=applied, shown=not as_json)
    if as_json:
        click.echo(msgspec.json.encode({"applied": applied, "topics": plans}).decode())
    elif applied:
        click.echo(f"Done. {_summary(plans)}")
    else:
        _show(plans)
        if any(plan.status != "fine" for plan in plans):
            click.echo("Nothing was changed. `flagstaff topics --apply` does what can be done.")
    sys.exit(1 if checked and any(plan.status != "fine" for plan in plans) else 0)


def _plans(settings: Settings, leave: tuple[str, ...], *, applied: bool, shown: bool) -> list[TopicPlan]:
    """The plan; where it is applied, it is shown first and what is left of it is returned."""
    options = client_options(settings.kafka) | {"bootstrap_timeout_ms": settings.kafka.request_timeout_ms}
    try:
        with closing(KafkaAdminClient(**options)) as admin:
            plans = plans_of(admin, settings, leave=leave)
            if applied:
                if shown:
                    _show(plans)
                apply(admin, plans)
                plans = plans_of(admin, settings, leave=leave)
            return plans
    except KafkaError as error:
        servers = settings.kafka.bootstrap_servers
        raise BrokerError(
            f"topics: Kafka at {servers}: {in_words(error)}; `flagstaff check` tells more"
        ) from error


def _show(plans: Sequence[TopicPlan]) -> None:
    for plan in plans:
        sign, colour = _SIGNS[plan.status]
        click.echo(f"{click.style(f'{sign} {plan.status:<8}', fg=colour)} {plan.name}")
        for one in plan.deviations:
            click.echo(f"    {_line(one)}")
    click.echo(_summary(plans))


def _line(one: Deviation) -> str:
    values = one.wanted if one.found is None else f"{one.found} -> {one.wanted}"
    by_hand = "" if one.by_hand is None else f"  by hand: {one.by_hand}"
    return f"{one.what:<30} {values}{by_hand}"


def _summary(plans: Sequence[TopicPlan]) -> str:
    counts = Counter(plan.status for plan in plans)
    return (
        f"{counts['create']} to create, {counts['change']} to change, {counts['differs']} that differ and "
        f"need a person, {counts['fine']} fine."
    )


def _show_rights(settings: Settings, part: Part, principal: str | None, host: str, *, as_json: bool) -> None:
    if principal is None or ":" not in principal:
        raise click.UsageError("--acls needs --principal, written as User:NAME.")
    wanted = rights(part, settings)
    if as_json:
        found = {"part": part, "principal": principal, "host": host, "rights": wanted}
        click.echo(msgspec.json.encode(found).decode())
        return
    servers = settings.kafka.bootstrap_servers or _SERVERS
    for line in acl_commands(wanted, principal=principal, host=host, servers=servers):
        click.echo(line)
