"""A replay's figures, made up: each result and each cause once, and names that a page must not believe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from worker.replay.causes import Cause, SignalDifference
from worker.replay.differences import Difference, Place, Side
from worker.replay.manifest import InputRange, Inputs
from worker.replay.output import Sealed
from worker.replay.plan import Stamp, VariantStamp
from worker.replay.report import report
from worker.replay.summary import PartitionCounts, PublishedBy, Summary, Tally
from worker.settings import SignalSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

HOSTILE = "<script src=https://example.org/x.js></script><img src=//example.org/i.png>"
START = 1_772_323_200
CHAMPION, CHALLENGER = "c1" * 32, "c2" * 32
CAUSES: tuple[Cause, ...] = get_args(Cause)
VARIANT = VariantStamp(
    name="replay",
    detector=Stamp("flagstaff-linear-2", CHAMPION),
    policy=Stamp("default", "d1" * 32),
    signals=SignalSettings(),
)
SEALED = Sealed(bytes=123_456, lines=1_600, sha256="ab" * 32)


def difference(cause: Cause, offset: int = 7, post_id: str = HOSTILE) -> Difference:
    """One that is not published as it is decided now."""

    def side(action: Any, detector: str) -> Side:
        return Side(
            id="f", action=action, score=0.912345, logit=2.123456, detector=detector, policy="d1" * 32
        )

    return Difference(
        kind="gone" if cause == "post_gone" else "changed",
        source=Place(1, offset),
        post_id=post_id,
        causes=(cause,),
        fields=("action", "score", "signals", "reasons"),
        published=side("label", CHALLENGER),
        replayed=None if cause == "post_gone" else side("review", CHAMPION),
        signals=(SignalDifference(name="posting_rate", published=3.0, replayed=5.0, own_partition=2.0),),
        published_flags=1,
    )


def tally(causes: Sequence[Cause]) -> Tally:
    """Of two partitions with 400 posts over a day; one in 20 differs."""
    counts = Tally(decided=400, several_flags=1, not_recorded=2, failed={"detect: ValueError": 1})
    for number in range(400):
        differs = bool(causes) and not number % 20
        counts.compared("changed" if differs else "same", number % 2, (START + number * 216) * 1000)
        if differs:
            counts.count(difference(causes[number // 20 % len(causes)]))
    counts.sort()
    return counts


def summary(causes: Sequence[Cause] = CAUSES) -> Summary:
    """Figures in which differences have these causes."""
    asked = {
        "topic": f"posts{HOSTILE}",
        "start_ms": START * 1000,
        "end_ms": (START + 86_400) * 1000,
        "spans": [],
        "capture": None,
        "signals": "rebuilt",
        "emit": "all",
    }
    partition = PartitionCounts(
        partition=0, first=12_000, last=12_199, records=205, posts=199, tombstones=1, broken={"json": 5}
    )
    other = PartitionCounts(partition=1, first=0, last=199, records=200, posts=200, expired=3, no_record=7)
    return Summary(
        asked=asked,
        variant=VARIANT,
        settings={"detector": {"model": HOSTILE, "revision": None}, "emit": "all", "on": ["a", "b"]},
        versions={"flagstaff": "0.1.0", "python": "3.11.7"},
        partitions=(partition, other),
        flags_read=400,
        unreadable_flags=1,
        published_by=tuple(
            PublishedBy(detector=Stamp("linear", digest), policy=Stamp("default", "d1" * 32), flags=number)
            for digest, number in ((CHAMPION, 380), (CHALLENGER, 20))
        ),
        result=tally(causes),
    )


def page(causes: Sequence[Cause] = CAUSES, *, signed: bool = False) -> str:
    """The report of these figures."""
    inputs = Inputs(
        topic=f"posts{HOSTILE}",
        ranges=tuple(
            InputRange(partition=number, warm=0, first=0, last=199, records=200, chain="ef" * 32)
            for number in range(2)
        ),
        flags=SEALED,
        capture=None,
        signals="rebuilt",
        variant=VARIANT,
        settings="99" * 32,
    )
    examples = {cause: [difference(cause)] for cause in sorted(set(causes))}
    names = ("decisions.jsonl", "diff.jsonl", "missing.jsonl", "summary.json")
    return report(summary(causes), inputs, dict.fromkeys(names, SEALED), examples, signed=signed)
