"""`flagstaff plan`: how many workers, partitions, and how much memory a load needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec
from kafka.errors import KafkaError

from worker.capacity.costs import read_costs
from worker.capacity.engine_figures import engine_options
from worker.capacity.planning import plan as planned
from worker.capacity.report import assumptions, table
from worker.capacity.scenario_file import load_scenario
from worker.commands.context import settings_of
from worker.errors import BrokerError, SettingsError

if TYPE_CHECKING:
    from worker.settings import Settings

REFERENCE: Final = Path(__file__).parents[1] / "capacity" / "reference.json"
_RATE: Final = click.FloatRange(min=0, min_open=True)


@click.command("plan")
@click.argument("scenario", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--peak", "load__peak", type=_RATE, metavar="POSTS/S", help="In the busiest hour, on average.")
@click.option("--mean", "load__mean", type=_RATE, metavar="POSTS/S", help="Over the day. Default: the peak.")
@click.option(
    "--duplicates", "load__duplicates", type=float, metavar="SHARE", help="Posts with a score in the cache."
)
@click.option("--median-tokens", "posts__median", type=float, help="Length of posts. Default: 45.")
@click.option("--sigma", "posts__sigma", type=float, help="Of the logarithm of the length. Default: 1.0.")
@click.option(
    "--p99-ms", "goal__p99_ms", type=float, help="From topic to topic, with a zone lost. Default: 1000."
)
@click.option(
    "--zones", "cluster__zones", type=int, help="Zones, one of which is lost; 1: none is. Default: 3."
)
@click.option("--authors", "cluster__authors", type=float, help="Authors who post in a month.")
@click.option("--tokens-per-s", "engine__tokens_per_s", type=_RATE, help="What a device scores, measured.")
@click.option("--posts-per-s", "engine__posts_per_s", type=_RATE, help="The same in posts of these lengths.")
@click.option(
    "--engine",
    "figures",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Take a device's rate from gpu.json, or from what `flagstaff bench --json` printed.",
)
@click.option("--engine-model", default="roberta-base", show_default=True, help="Whose rate in that file.")
@click.option(
    "--costs",
    type=click.Path(path_type=Path, dir_okay=False),
    help="What --measure wrote. Default: what was measured where Flagstaff was built.",
)
@click.option(
    "--measure",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Measure what the worker's steps cost on this machine, with the detector and the signals of the "
    "settings, and write it to FILE. About half a minute; Kafka and Redis are embedded ones.",
)
@click.option(
    "--posts",
    "given",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Measure with these posts, a JSON object a line. Default: made-up ones.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of all that is drawn.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object in place of the table.")
@click.pass_context
def plan(  # noqa: PLR0913 - one argument an option
    ctx: click.Context,
    /,
    *,
    scenario: Path | None,
    figures: Path | None,
    engine_model: str,
    costs: Path | None,
    measure: Path | None,
    given: Path | None,
    seed: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Simulate workers under a load, and tell how many keep to the latency goal with a zone lost.

    SCENARIO is a YAML file (docs/plan.md); options win over it. The worker's own settings count: batch wait,
    transaction interval, what may be in flight. Tells workers, partitions, Redis memory, Kafka bytes, network
    and, of what has a price in the scenario, costs; and prints all that it assumes.

    Exit codes: 0: done; 1: no fleet meets the goal; 2: wrong usage, settings or scenario.
    """
    settings = settings_of(ctx)
    over = {key.replace("__", "."): value for key, value in options.items() if value is not None}
    if given is not None and measure is None:
        raise click.UsageError("--posts is what --measure measures with.")
    if measure is not None:
        if over.keys() - {"posts.median", "posts.sigma"} or scenario or figures or costs:
            raise click.UsageError(
                "--measure takes --posts, --median-tokens and --sigma alone; plan afterwards, with --costs."
            )
        _measure(settings, measure, given, over)
        return
    if figures is not None:
        over = engine_options(figures, engine_model) | over
    asked = load_scenario(scenario, over)
    known = read_costs(costs if costs is not None else REFERENCE)
    found = planned(asked, settings, known, seed=seed)
    assumed = assumptions(found, asked, settings, known)
    if as_json:
        whole = {"scenario": asked, "plan": found, "assumptions": assumed}
        click.echo(msgspec.json.format(msgspec.json.encode(whole)).decode())
    else:
        click.echo(table(found, asked, assumed))


def _measure(settings: Settings, out: Path, given: Path | None, over: dict[str, Any]) -> None:
    from worker.capacity.calibration import measured_costs  # noqa: PLC0415 - an extra
    from worker.capacity.made_up import made_up_posts  # noqa: PLC0415 - as above

    if given is not None:
        try:
            records = [line for line in given.read_bytes().splitlines() if line.strip()]
        except OSError as error:
            raise SettingsError(f"plan: can't read {given}: {error.strerror}") from None
        if not records:
            raise SettingsError(f"plan: {given} holds no posts")
    else:
        asked = load_scenario(None, {"load.peak": 1.0} | over)
        records = made_up_posts(asked.posts, 5_000)
    try:
        costs = measured_costs(settings, records)
    except KafkaError as error:
        raise BrokerError(f"plan: the embedded Kafka: {error!r}; try again") from error
    try:
        out.write_bytes(msgspec.json.format(msgspec.json.encode(costs)) + b"\n")
    except OSError as error:
        raise SettingsError(f"plan: can't write {out}: {error.strerror}") from None
    click.echo(f"written to {out}; now: flagstaff plan --costs {out} --peak …")
