"""`flagstaff backtest`: what other detectors and policies would have done on a range of posts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from kafka.errors import KafkaError

from worker.backtest.backtesting import Backtest
from worker.backtest.candidates import Candidate, candidate_of, variants
from worker.backtest.staff import Staff, staff_of_file, staff_of_topic
from worker.backtest.table import table
from worker.commands.context import settings_of
from worker.commands.progress import progress
from worker.commands.replayed_range import check_range, range_options, with_topic
from worker.commands.scoring import score, scoring_options, tune_interpreter
from worker.errors import BrokerError
from worker.replay.capture import Capture
from worker.replay.shards import end_with_parent, shard_of
from worker.replay.signature import private_key
from worker.replay.topics import Asked
from worker.stream.refusal import in_words

if TYPE_CHECKING:
    from worker.replay.plan import SignalMode, Span
    from worker.settings import Settings


class _Candidate(click.ParamType[Candidate]):
    """A name and a file."""

    name = "candidate"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Candidate:
        try:
            return candidate_of(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command("backtest")
@range_options
@click.option(
    "--candidate",
    "candidates",
    type=_Candidate(),
    multiple=True,
    required=True,
    metavar="NAME=FILE.yaml",
    help="What to try: YAML with those of the settings detector, policy and signals that differ. Several can "
    "be named.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Where the outputs go.",
)
@click.option(
    "--signals",
    type=click.Choice(["recorded", "rebuilt"]),
    default="rebuilt",
    show_default=True,
    help="Readings made again from the posts, or as they stand in the published flags.",
)
@click.option(
    "--decisions",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The staff's decisions as JSON lines. Default: the decisions topic; with --file, none.",
)
@click.option("--no-decisions", is_flag=True, help="Leave the staff's decisions out.")
@scoring_options
@click.option("--shard", hidden=True, help="Set for the processes of --workers.")
@click.pass_context
def backtest(  # noqa: PLR0913 - one argument an option
    ctx: click.Context,
    *,
    start_ms: int | None,
    end_ms: int | None,
    spans: tuple[Span, ...],
    captured: Path | None,
    topic: str | None,
    candidates: tuple[Candidate, ...],
    out: Path,
    signals: SignalMode,
    decisions: Path | None,
    no_decisions: bool,
    workers: int,
    part_records: int,
    sign: Path | None,
    shard: str | None,
    below: bool,
) -> None:
    """Decide a range of posts with candidate detectors and policies, beside the live one of the settings.

    Tells which flags would come, go and change, what that costs in reviews a day, and how it agrees with the
    staff's decisions. Publishes nothing and touches no live key, as `flagstaff replay`. Writes backtest.json,
    changes-NAME.jsonl, manifest.json and for each NAME a replay's outputs to --out.

    Exit codes: 0: done; 1: it failed, or the range holds no record; 2: wrong usage or settings.
    """
    settings = with_topic(settings_of(ctx), topic)
    if below:
        end_with_parent()
    tune_interpreter()
    check_range(start_ms, end_ms, spans, captured)
    if decisions is not None and no_decisions:
        raise click.UsageError("Name --decisions or --no-decisions, not both.")
    names = [one.name for one in candidates]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise click.UsageError(f"--candidate: the name {twice!r} is given twice.")
    try:
        asked = Asked(start_ms, end_ms, spans, Capture(captured) if captured is not None else None, signals)
        key = private_key(sign) if sign is not None else None
        mine = shard_of(shard, None)
        none = mine is not None or no_decisions or (captured is not None and decisions is None)
        # Read before anything is scored: what is wrong with them is told at once.
        staff = Staff() if none else _staff(settings, decisions, start_ms or 0)
        run = Backtest(settings, asked, variants(settings, candidates), out)
        score(ctx, run.replay, mine, workers, part_records)
        if mine is None:
            total = sum(of.end - of.warm for of in run.replay.plan.ranges)
            with progress("posts", total, rate=True) as update:
                report = run.finish(staff, key, lambda done, _: update(done))
            click.echo(f"{table(report)}\nOutputs in {out}")
    except KafkaError as error:
        servers = settings.kafka.bootstrap_servers
        raise BrokerError(
            f"backtest: Kafka at {servers}: {in_words(error)}; `flagstaff check` tells more"
        ) from error


def _staff(settings: Settings, file: Path | None, since_ms: int) -> Staff:
    if file is not None:
        return staff_of_file(file)
    try:
        return staff_of_topic(settings, since_ms)
    except BrokerError as error:
        raise BrokerError(f"{error}; --no-decisions does without") from error
