"""`flagstaff replay`: a range of the posts topic again, and why it comes out as it does."""

from __future__ import annotations

import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from kafka.errors import KafkaError

from worker.commands.context import settings_of
from worker.commands.progress import progress
from worker.commands.replayed_range import check_range, range_options, with_topic
from worker.commands.scoring import score, scoring_options, tune_interpreter
from worker.detector.loading import load_detector
from worker.errors import BrokerError, SettingsError
from worker.policy import load_policy
from worker.replay.capture import Capture
from worker.replay.replaying import Replay
from worker.replay.shards import end_with_parent, shard_of
from worker.replay.signature import private_key
from worker.replay.topics import Asked, capture_range
from worker.replay.variants import Variant
from worker.stream.refusal import in_words

if TYPE_CHECKING:
    from worker.replay.plan import SignalMode, Span
    from worker.replay.signature import PrivateKey
    from worker.replay.summary import Summary
    from worker.settings import Settings

_LOOK_EVERY_S: Final = 1.0


@click.command("replay")
@range_options
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Where the outputs go.")
@click.option(
    "--capture",
    "capture_to",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the range and what was published of it to this file, and end.",
)
@click.option(
    "--signals",
    type=click.Choice(["recorded", "rebuilt"]),
    default="rebuilt",
    show_default=True,
    help="Readings as they stand in the published flags, or made again from the posts.",
)
@click.option("--detector-digest", metavar="HEX", help="Refuse to decide with another detector than this.")
@click.option("--policy-digest", metavar="HEX", help="Refuse to decide with another policy than this.")
@click.option("--shard", metavar="I/N", help="Only score the I-th of N parts of the partitions, from 0 on.")
@click.option(
    "--shards", type=click.IntRange(min=1), help="The same, I being JOB_COMPLETION_INDEX (Kubernetes)."
)
@click.option("--merge", is_flag=True, help="Only decide and compare: all shards have scored.")
@click.option("--wait", is_flag=True, help="With --merge: first wait until they have.")
@scoring_options
@click.option("--parquet", is_flag=True, help="Also write decisions.parquet and diff.parquet.")
@click.pass_context
def replay(  # noqa: PLR0913 - one argument an option
    ctx: click.Context,
    *,
    start_ms: int | None,
    end_ms: int | None,
    spans: tuple[Span, ...],
    captured: Path | None,
    topic: str | None,
    out: Path | None,
    capture_to: Path | None,
    signals: SignalMode,
    detector_digest: str | None,
    policy_digest: str | None,
    shard: str | None,
    shards: int | None,
    merge: bool,
    wait: bool,
    workers: int,
    part_records: int,
    sign: Path | None,
    parquet: bool,
    below: bool,
) -> None:
    """Decide a range of the posts topic again, and tell what differs from what was published, and why.

    Detector, policy and signals are those of the settings. Joins no group, commits no offset, writes no flag
    and touches no live key. Writes decisions.jsonl, diff.jsonl, missing.jsonl, summary.json, report.html and
    manifest.json to --out; a replay that was killed goes on when the same command is run again.

    Exit codes: 0: done, whether or not anything differs; 1: it failed, or the range holds no record; 2: wrong
    usage or settings.
    """
    settings = settings_of(ctx)
    if below:
        end_with_parent()
    tune_interpreter()
    settings = with_topic(settings, topic)
    check_range(start_ms, end_ms, spans, captured)
    if (out is None) == (capture_to is None):
        raise click.UsageError("Name either --out or --capture.")
    mine = shard_of(shard, shards)
    _check_merge(merge=merge, wait=wait, alone=mine is None and workers == 1)
    try:
        asked = Asked(start_ms, end_ms, spans, Capture(captured) if captured is not None else None, signals)
        if capture_to is not None:
            records = capture_range(settings, asked, capture_to)
            click.echo(f"{records} records written to {capture_to}")
            return
        assert out is not None  # noqa: S101 - as above
        key = private_key(sign) if sign is not None else None
        if parquet:
            # An extra: what is missing is said before the work, not after it.
            import_module("worker.replay.parquet")
        variant = _variant(settings, detector_digest, policy_digest)
        run = Replay(settings, asked, [variant], out, parquet=parquet)
        if not merge:
            score(ctx, run, mine, workers, part_records)
        elif wait:
            _wait_for_shards(run)
        if mine is None:
            _merge(run, key, out)
    except KafkaError as error:
        servers = settings.kafka.bootstrap_servers
        raise BrokerError(
            f"replay: Kafka at {servers}: {in_words(error)}; `flagstaff check` tells more"
        ) from error


def _variant(settings: Settings, detector_digest: str | None, policy_digest: str | None) -> Variant:
    policy = load_policy(Path(settings.policy.file) if settings.policy.file else None)
    detector = load_detector(settings.detector)
    for option, wanted, loaded in (
        ("--detector-digest", detector_digest, detector.digest),
        ("--policy-digest", policy_digest, policy.digest),
    ):
        if wanted is not None and wanted != loaded:
            raise SettingsError(f"replay: {option} {wanted}: what the settings name has the digest {loaded}")
    return Variant("replay", detector, policy, settings.signals)


def _check_merge(*, merge: bool, wait: bool, alone: bool) -> None:
    if merge and not alone:
        raise click.UsageError("--merge comes after all shards, not with one.")
    if wait and not merge:
        raise click.UsageError("--wait goes with --merge.")


def _wait_for_shards(run: Replay) -> None:
    done, total = run.passed()
    with progress("offsets", total, rate=True) as update:
        while done < total:
            update(done)
            time.sleep(_LOOK_EVERY_S)
            done, _ = run.passed()
        update(done)


def _merge(run: Replay, key: PrivateKey | None, out: Path) -> None:
    total = sum(of.end - of.warm for of in run.plan.ranges)
    with progress("posts", total, rate=True) as update:
        (summary,) = run.merge(key, lambda done, _: update(done))
    click.echo(_told(summary, out))


def _told(summary: Summary, out: Path) -> str:
    result = summary.result
    lines = [f"{result.decided} posts decided again; outputs in {out}"]
    if kinds := ", ".join(f"{kind} {number}" for kind, number in result.kinds.items()):
        lines.append(f"against what was published: {kinds}")
    if causes := ", ".join(f"{cause} {number}" for cause, number in result.causes.items()):
        lines.append(f"causes: {causes}")
    notes = {
        "posts without recorded readings": result.not_recorded,
        "posts that failed": sum(result.failed.values()),
        "tombstones": sum(one.tombstones for one in summary.partitions),
        "broken records": sum(sum(one.broken.values()) for one in summary.partitions),
        "offsets deleted": sum(one.expired for one in summary.partitions),
        "offsets deleted, perhaps of this range": sum(one.possibly_expired for one in summary.partitions),
        "offsets without a record": sum(one.no_record for one in summary.partitions),
        "records of the flags topic that are no flags": summary.unreadable_flags,
    }
    if told := ", ".join(f"{what} {number}" for what, number in notes.items() if number):
        lines.append(f"not decided: {told}")
    return "\n".join(lines)
