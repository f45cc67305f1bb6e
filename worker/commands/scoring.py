"""The part of a replay or a backtest that is shared out among processes and machines."""

from __future__ import annotations

import gc
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from worker.commands.progress import progress
from worker.replay.shards import run_workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.replay.replaying import Replay
    from worker.replay.shards import Shard

_GC_THRESHOLD: Final = (50_000, 20, 50)
_SWITCH_INTERVAL_S: Final = 0.001

_OPTIONS: Final = (
    click.option(
        "--workers", type=click.IntRange(min=1), default=1, help="Processes that score. Default: 1."
    ),
    click.option(
        "--part-records",
        type=click.IntRange(min=1),
        default=10_000,
        show_default=True,
        help="Most records of a part on disk: what a kill costs at most.",
    ),
    click.option(
        "--sign",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="PRIVATE.pem",
        help="Sign every manifest with this Ed25519 key.",
    ),
    click.option("--below", is_flag=True, hidden=True, help="Set for the processes of --workers."),
)


def scoring_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --workers, --part-records, --sign and the hidden --below."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def tune_interpreter() -> None:
    """As for `flagstaff run`: posts in hand are many and hold no cycles; no thread holds up others."""
    gc.set_threshold(*_GC_THRESHOLD)
    sys.setswitchinterval(_SWITCH_INTERVAL_S)


def score(ctx: click.Context, run: Replay, shard: Shard | None, workers: int, part_records: int) -> None:
    """Scores a shard, or all of it with so many processes, and shows how far it is."""
    done, total = run.passed()
    if shard is not None or workers == 1:
        ranges = run.plan.ranges if shard is None else shard.ranges(run.plan)
        with progress("offsets", sum(of.end - of.warm for of in ranges), rate=True) as update:
            run.score(shard, part_records, lambda passed, _: update(passed))
        return
    with progress("offsets", total, rate=True) as update:
        update(done)
        run_workers(_own_arguments(ctx), workers, run.plan, run.parts, update)
        update(total)


def _own_arguments(ctx: click.Context) -> list[str]:
    """This call's arguments without those that a worker must not have."""
    config = ctx.find_root().params.get("config")
    arguments = ["--config", str(config)] if config else []
    arguments.append(ctx.command.name or "")
    for parameter in ctx.command.params:
        value = ctx.params.get(parameter.name or "")
        if parameter.name in _NOT_HANDED_ON or value in {None, False} or value == ():
            continue
        option = parameter.opts[0]
        if parameter.name in {"start_ms", "end_ms"}:
            arguments += [option, datetime.fromtimestamp(value / 1000, UTC).isoformat()]
        elif parameter.name == "spans":
            for span in value:
                arguments += [option, f"{span.partition}:{span.first}-{span.last}"]
        elif isinstance(value, tuple):
            for one in value:
                arguments += [option, str(one)]
        else:
            arguments += [option, str(value)]
    return arguments


_NOT_HANDED_ON: Final = frozenset(
    {
        "workers",
        "sign",
        "parquet",
        "merge",
        "wait",
        "below",
        "shard",
        "shards",
        "capture_to",
        "decisions",
        "no_decisions",
    }
)
