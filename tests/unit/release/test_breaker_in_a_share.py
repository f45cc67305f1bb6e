"""Two deciders share a batch, and the action-rate breaker sees its posts once, in order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pytest
from kafka import TopicPartition

from tests.support.moderation import START_MS
from tests.support.ruled_detector import RuledDetector
from worker.action_rate.hold import held_action
from worker.intake import PostReader
from worker.records import Flag
from worker.release.challenger import load_challenger
from worker.release.rollout import Rollout
from worker.release.rungs import Rung
from worker.release.waiting import WaitingPosts
from worker.settings import PREFIX, load_settings
from worker.stream.action_breaker import ActionBreaker
from worker.stream.decider import Current, first_decider
from worker.stream.item import Item
from worker.stream.notes import Notes
from worker.stream.slot import Slot
from worker.stream.stages import Stages
from worker.stream.tenure import Tenures

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from worker.records import Hold, Holdable

# What docs/action-rate.md states where every post gets the action.
TRIPS_AT = 181
POSTS = 400
POLICY = {
    "name": "trusting",
    "thresholds": {"label": 0.8, "review": 0.92, "limit": 0.99},
    "detector": {"alone": "review"},
    "signals": {},
}


class _Record(NamedTuple):
    value: bytes
    partition: int
    offset: int
    topic: str = "posts"
    timestamp: int = START_MS
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


class _Holds:
    """Stands for the topic: what is put there stands at once."""

    def __init__(self) -> None:
        self.standing: dict[Holdable, Hold] = {}

    def put(self, hold: Hold) -> None:
        self.standing = {**self.standing, hold.action: hold}


class Line:
    """The stages of a worker in a share of half the authors; both detectors send everything to a person."""

    def __init__(self, folder: Path) -> None:
        (folder / "policy.yaml").write_text(json.dumps(POLICY))
        values = {
            "EMIT": "all",
            "DATA_DIR": str(folder),
            "POLICY__FILE": str(folder / "policy.yaml"),
            "SIGNALS__ENABLED": "account_age",
            "STAGE__MODEL": "its own",
        }
        settings = load_settings(environ={f"{PREFIX}{name}": value for name, value in values.items()})
        current = Current(first_decider(settings, None, detector=_everything("live")))
        challenger = load_challenger(settings, None, current.decider, _everything("new"))
        rollout = Rollout(challenger, WaitingPosts(POSTS))
        rollout.enter(Rung("share", 0.5))
        self._tenures = Tenures()
        self._tenures.on_partitions_assigned([TopicPartition("posts", number) for number in range(2)])
        self._slot = Slot(folder)
        self._notes = Notes(self._slot, "worker-0", link=None, key="noted")
        self.holds = _Holds()
        holds: Any = self.holds
        self._stages = Stages(
            settings,
            reader=PostReader(settings.fields, max_text_chars=1000, max_bytes=10_000),
            current=current,
            notes=self._notes,
            tenures=self._tenures,
            worker="worker-0",
            breaker=ActionBreaker(settings, holds=holds, worker="worker-0", memory=folder / "rates"),
            rollout=rollout,
        )

    def decide(self, places: Sequence[tuple[int, int]]) -> list[Flag]:
        """The flags of posts at these places, as one batch."""
        tenures = self._tenures.snapshot()
        items = []
        for partition, offset in places:
            post = {"id": f"{partition}-{offset}", "text": "plain words", "author": {"id": f"a{offset % 23}"}}
            record = _Record(json.dumps(post | {"lang": "en"}).encode(), partition, offset)
            place = TopicPartition("posts", partition)
            items.append(Item(record, place, tenures[place]))
        for stage in (self._stages.prepare, self._stages.score, self._stages.decide):
            stage(items)
        return [msgspec.json.decode(item.outgoing.value or b"", type=Flag) for item in items if item.outgoing]

    def close(self) -> None:
        self._notes.close()
        self._slot.release()


def _everything(digest: str) -> RuledDetector:
    detector = RuledDetector(lambda _: 6.0)
    detector.digest = digest
    return detector


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    one = Line(tmp_path)
    yield one
    one.close()


def _held(flags: Sequence[Flag]) -> list[bool]:
    return [held_action(flag) == "review" for flag in flags]


@pytest.mark.parametrize("partitions", [1, 2])
@pytest.mark.parametrize("batch", [40, POSTS])
def test_every_post_counts_once_and_in_order_whichever_decides_it(
    line: Line, partitions: int, batch: int
) -> None:
    places = [(number % partitions, number // partitions) for number in range(POSTS)]
    flags = [flag for start in range(0, POSTS, batch) for flag in line.decide(places[start : start + batch])]
    assert [(flag.source.partition, flag.source.offset) for flag in flags] == places
    before, after = flags[: TRIPS_AT - 1], flags[TRIPS_AT - 1 :]
    for part in (before, after):
        assert {flag.detector.digest for flag in part} == {"live", "new"}
    assert _held(before) == [False] * len(before)
    assert _held(after) == [True] * len(after)
    (hold,) = line.holds.standing.values()
    assert (hold.action, hold.share, hold.posts) == ("review", 1.0, TRIPS_AT)


def test_posts_that_are_decided_again_are_not_counted_again(line: Line) -> None:
    places = [(0, number) for number in range(TRIPS_AT - 1)]
    for _ in range(3):
        assert not any(_held(line.decide(places)))
    assert _held(line.decide([(0, TRIPS_AT - 1)])) == [True]
