"""Puts a replay's outputs in their place, with the summary and the manifest that stand for them."""

from __future__ import annotations

import platform
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from worker import __version__
from worker.replay.manifest import MANIFEST, InputRange, Inputs, Manifest
from worker.replay.output import Output
from worker.replay.report import examples_of, report
from worker.replay.signature import SIGNATURE, signed
from worker.replay.summary import PublishedBy, Summary

if TYPE_CHECKING:
    from pathlib import Path

    from worker.replay.output import Sealed
    from worker.replay.plan import Plan, Stamp
    from worker.replay.signature import PrivateKey
    from worker.replay.summary import PartitionCounts, Tally
    from worker.settings import Settings

_ENCODER: Final = msgspec.json.Encoder()


class Facts(NamedTuple):
    """What all variants of a replay have in common.

    Attributes:
        plan: what was asked for.
        settings: shown without secrets.
        counts: what lay in each partition, in the plan's order.
        flags: the published flags.
        unreadable_flags: records of the flags topic that are no flags.
        chains: the digest of each partition's records.
        missing: the lines of `missing.jsonl`.
        published_by: how many flags each detector under each policy decided.
        parquet: whether decisions and differences are also written as Parquet.
    """

    plan: Plan
    settings: Settings
    counts: tuple[PartitionCounts, ...]
    flags: Sealed
    unreadable_flags: int
    chains: tuple[str, ...]
    missing: Path
    published_by: dict[tuple[Stamp, Stamp], int]
    parquet: bool = False


def write_outputs(  # noqa: PLR0913, PLR0917 - all that the outputs of one variant are made of
    facts: Facts,
    number: int,
    tally: Tally,
    outputs: list[Output],
    work: Path,
    out: Path,
    key: PrivateKey | None,
) -> Summary:
    """Adds what is missing to a variant's outputs, seals them, and puts them in their place.

    Args:
        facts: what all variants have in common.
        number: which variant.
        tally: its counts.
        outputs: its decisions and differences.
        work: where outputs are written before they are whole; on the same file system as `out`.
        out: their place.
        key: signs the manifest; None: it is not signed.
    """
    absent = Output(work, "missing.jsonl")
    with facts.missing.open("rb") as file:
        for line in file:
            absent.write(line.rstrip(b"\n"))
    summary = _summary(facts, number, tally)
    told = Output(work, "summary.json")
    for line in msgspec.json.format(_ENCODER.encode(summary), indent=1).splitlines():
        told.write(line)
    lined = [*outputs, absent, told]
    sealed = {output.name: output.seal() for output in lined}
    tables: dict[str, Sealed] = {}
    if facts.parquet:
        # Imported here: the package is an extra.
        from worker.replay.parquet import parquet_outputs  # noqa: PLC0415

        tables = parquet_outputs(work)
    sealed |= tables
    inputs = _inputs(facts, number, summary)
    examples = examples_of(work / "diff.jsonl", tally.causes)
    page = Output(work, "report.html")
    for text in report(summary, inputs, sealed, examples, signed=key is not None).split("\n"):
        page.write(text.encode())
    sealed[page.name] = page.seal()
    manifest = Manifest(versions=summary.versions, inputs=inputs, outputs=sealed)
    content = msgspec.json.format(_ENCODER.encode(manifest), indent=1) + b"\n"
    for output in (*lined, page):
        output.publish(out)
    for name in tables:
        (work / name).replace(out / name)
    if key is not None:
        (out / SIGNATURE).write_bytes(signed(content, key))
    # Last: where there is a manifest, all is there.
    own = work / MANIFEST
    own.write_bytes(content)
    own.replace(out / MANIFEST)
    return summary


def public_settings(settings: Settings) -> dict[str, Any]:
    """The settings that decisions follow from. How Kafka and Redis are reached is not among them."""
    tree: dict[str, Any] = msgspec.to_builtins(settings)
    return {name: tree[name] for name in ("topics", "detector", "signals", "fields", "policy", "emit")} | {
        "stream": {name: tree["stream"][name] for name in ("max_post_bytes", "max_text_chars")}
    }


def _summary(facts: Facts, number: int, tally: Tally) -> Summary:
    tally.sort()
    request: dict[str, Any] = msgspec.to_builtins(facts.plan.request)
    asked = ("topic", "start_ms", "end_ms", "spans", "capture", "signals", "emit")
    return Summary(
        asked={name: request[name] for name in asked},
        variant=facts.plan.request.variants[number],
        settings=public_settings(facts.settings),
        versions={"flagstaff": __version__, "python": platform.python_version()},
        partitions=facts.counts,
        flags_read=facts.flags.lines,
        unreadable_flags=facts.unreadable_flags,
        published_by=tuple(
            PublishedBy(detector=detector, policy=policy, flags=number)
            for (detector, policy), number in sorted(
                facts.published_by.items(), key=lambda item: (item[0][0].digest, item[0][1].digest)
            )
        ),
        result=tally,
    )


def _inputs(facts: Facts, number: int, summary: Summary) -> Inputs:
    request = facts.plan.request
    ranges = tuple(
        InputRange(
            partition=of.partition,
            warm=of.warm,
            first=of.first,
            last=of.end - 1,
            records=counts.records + counts.warm_records,
            chain=chain,
        )
        for of, counts, chain in zip(facts.plan.ranges, facts.counts, facts.chains, strict=True)
    )
    return Inputs(
        topic=request.topic,
        ranges=ranges,
        flags=facts.flags,
        capture=request.capture,
        signals=request.signals,
        variant=request.variants[number],
        settings=sha256(_ENCODER.encode(summary.settings)).hexdigest(),
    )
