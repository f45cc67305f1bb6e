"""`flagstaff stage`: a new detector or policy goes out in stages."""

from __future__ import annotations

import getpass
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Self

import click
import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from worker.commands.context import settings_of
from worker.errors import FlagstaffError
from worker.records import GateReading, StageStep
from worker.release.gates import holding_back
from worker.release.measured import measure, readings
from worker.release.rungs import OFF, SHADOW, above, below, ladder
from worker.release.steps import rung_of, step_to
from worker.release.topic import StepWriter, read_steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.release.rungs import Rung
    from worker.settings import Settings

_COLOURS: Final = {"pass": "green", "fail": "red", "too-little": "yellow", "not-measured": "white"}
_SAY_EVERY_S: Final = 10.0
_NO_CHALLENGER: Final = (
    "stage: no worker of the group {group!r} has put a challenger on the topic {topic!r} yet: name one in "
    "STAGE__MODEL or STAGE__POLICY_FILE and restart the workers"
)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a release stands.

    Attributes:
        step: the stage in force.
        next: what the next stage would be; null at the top.
        gates: what was measured since the step.
        holding_back: the gates that refuse the next stage.
    """

    step: StageStep
    next: str | None
    gates: tuple[GateReading, ...]
    holding_back: tuple[str, ...]


@click.group("stage")
def stage() -> None:
    """Show the stage of a new detector or policy, take the next one, or go back.

    off, shadow (decides beside the live one, changes nothing), a share of the authors, all. Each step is a
    record on the stages topic, which all workers of the group follow at once.
    """


@stage.command("show")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
@click.option("--history", is_flag=True, help="Print every step so far, oldest first, and measure nothing.")
@click.pass_context
def show(ctx: click.Context, *, as_json: bool, history: bool) -> None:
    """Show the stage in force, and what was measured in it against the gates."""
    settings = settings_of(ctx)
    steps = read_steps(settings)
    if history:
        for step in steps:
            click.echo(msgspec.json.encode(step).decode() if as_json else _line(step))
        return
    standing = _standing(settings, _latest(settings, steps))
    if as_json:
        click.echo(msgspec.json.encode(standing).decode())
        return
    step = standing.step
    who = step.challenger
    click.echo(f"challenger    {who.detector} {who.detector_digest}")
    click.echo(f"              under policy {who.policy} {who.policy_digest}")
    click.echo(f"stage         {_line(step)}")
    click.echo(f"next          {standing.next or 'none: it decides for all'}")
    for reading in standing.gates:
        status = click.style(f"{reading.status:<13}", fg=_COLOURS[reading.status])
        click.echo(f"{reading.gate:<13} {status} {_figures(reading)}")
    if standing.holding_back:
        click.echo(f"held back by  {', '.join(standing.holding_back)}")


@stage.command("next")
@click.option("--by", help="Who takes the step; else the user of this machine.")
@click.option("--note", help="Why; kept with the step.")
@click.pass_context
def next_(ctx: click.Context, *, by: str | None, note: str | None) -> None:
    """Take the next stage. Exit code 1, and a line for each gate, where gates hold the challenger back."""
    settings = settings_of(ctx)
    who = _who(by)
    # Measured before anyone else is shut out, as it takes time; the stage is looked at again afterwards.
    standing = _standing(settings, _latest(settings, read_steps(settings)))
    rung = above(rung_of(standing.step), ladder(settings.stage.shares))
    if rung is None:
        raise FlagstaffError("stage: the challenger decides for all already; there is no next stage")
    refusing = [one for one in standing.gates if one.gate in standing.holding_back]
    for reading in refusing:
        click.echo(f"{reading.gate}: {reading.status}: {_figures(reading)}", err=True)
    if refusing:
        click.echo(f"flagstaff: {rung} is refused; the stage stays {rung_of(standing.step)}", err=True)
        sys.exit(1)
    with StepWriter(settings) as writer:
        latest = _latest(settings, read_steps(settings))
        if latest.number != standing.step.number:
            raise FlagstaffError("stage: another step was taken meanwhile; see `flagstaff stage show`")
        step = step_to(latest, rung, by=who, at=datetime.now(UTC), note=note)
        writer.write(msgspec.structs.replace(step, gates=standing.gates))
    click.echo(_line(step))


@stage.command("back")
@click.option("--to", "target", type=click.Choice(["off", "shadow"]), help="Else one stage down.")
@click.option("--by", help="Who takes the step; else the user of this machine.")
@click.option("--note", help="Why; kept with the step.")
@click.pass_context
def back(ctx: click.Context, *, target: str | None, by: str | None, note: str | None) -> None:
    """Go one stage back, or to an earlier one at once. No gate is asked."""
    settings = settings_of(ctx)
    who = _who(by)
    with StepWriter(settings) as writer:
        latest = _latest(settings, read_steps(settings))
        now = rung_of(latest)
        named: Rung | None = {"off": OFF, "shadow": SHADOW}.get(target or "")
        rung = named if named is not None else below(now, ladder(settings.stage.shares))
        if rung is None or rung.height >= now.height:
            raise FlagstaffError(f"stage: the stage is {now}; there is nothing to go back to")
        step = step_to(latest, rung, by=who, at=datetime.now(UTC), note=note)
        writer.write(step)
    click.echo(_line(step))


def _latest(settings: Settings, steps: Sequence[StageStep]) -> StageStep:
    if not steps:
        raise FlagstaffError(
            _NO_CHALLENGER.format(group=settings.kafka.group_id, topic=settings.topics.stages)
        )
    return steps[-1]


def _standing(settings: Settings, step: StageStep) -> Standing:
    gates: tuple[GateReading, ...] = ()
    if step.stage in {"shadow", "share"}:
        with _Shown() as shown:
            gates = readings(settings, step, measure(settings, step, shown.update))
    following = above(rung_of(step), ladder(settings.stage.shares))
    refusing = holding_back(gates, settings.stage.gates.required) if following is not None else []
    return Standing(
        step=step,
        next=None if following is None else str(following),
        gates=gates,
        holding_back=tuple(one.gate for one in refusing),
    )


def _who(by: str | None) -> str:
    if by:
        return by
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        raise click.UsageError("this machine's user has no name: say who takes the step with --by") from None


def _line(step: StageStep) -> str:
    when = step.at.astimezone(UTC).isoformat(timespec="seconds")
    note = f": {step.note}" if step.note else ""
    return f"{step.number}. {rung_of(step)}, since {when}, by {step.by}{note}"


def _figures(reading: GateReading) -> str:
    if reading.value is None or reading.low is None or reading.high is None:
        return reading.detail
    limit = "" if reading.limit is None else f", limit {reading.limit:g}"
    return f"{reading.value:.4f} ({reading.low:.4f} to {reading.high:.4f}{limit}): {reading.detail}"


class _Shown:
    """A bar for each topic on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._tasks: dict[str, TaskID] = {}
        self._said = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def update(self, topic: str, passed: int, total: int) -> None:
        """So many offsets of so many are passed."""
        if topic not in self._tasks:
            self._tasks[topic] = self._bar.add_task(topic, total=total)
        self._bar.update(self._tasks[topic], completed=passed, total=total)
        now = time.monotonic()
        if self._bar.disable and now - self._said > _SAY_EVERY_S:
            self._said = now
            click.echo(f"{topic}: {passed} of {total} offsets read", err=True)
