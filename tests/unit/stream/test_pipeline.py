from __future__ import annotations

import json
import time
from threading import Event
from typing import TYPE_CHECKING, NamedTuple

import pytest
from kafka import TopicPartition

from tests.support.moderation import START_MS, WordDetector, logit_of
from tests.support.waiting import wait_until
from worker.intake import PostReader
from worker.settings import PREFIX, load_settings
from worker.stream.decider import Current, Decider, first_decider
from worker.stream.item import Item
from worker.stream.notes import Notes
from worker.stream.pipeline import Pipeline
from worker.stream.slot import Slot
from worker.stream.stages import Stages
from worker.stream.tenure import Tenures

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from worker.detector.protocol import Encoded

PARTITION = TopicPartition("posts", 0)


class _Record(NamedTuple):
    value: bytes | None
    offset: int
    topic: str = "posts"
    partition: int = 0
    timestamp: int = START_MS
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


class Watched(WordDetector):
    """Notes each batch that it scores in a list that several share."""

    def __init__(self, digest: str, batches: list[tuple[str, list[str]]], free: Event) -> None:
        super().__init__(digest=digest)
        self._batches = batches
        self._free = free

    def logits(self, batch: Sequence[Encoded]) -> list[float]:
        self._batches.append((self.digest, [one.payload for one in batch]))
        self._free.wait()
        return super().logits(batch)


class Line:
    """A real pipeline over one partition, without Kafka."""

    def __init__(self, folder: Path) -> None:
        values = {"EMIT": "all", "DATA_DIR": str(folder), "DETECTOR__MAX_LATENCY_MS": "500"}
        self._settings = load_settings(environ={f"{PREFIX}{name}": value for name, value in values.items()})
        self.batches: list[tuple[str, list[str]]] = []
        # Cleared, the model takes its time.
        self.free = Event()
        self.free.set()
        self.current = Current(self.decider("old"))
        self._tenures = Tenures()
        self._tenures.on_partitions_assigned([PARTITION])
        self._slot = Slot(folder)
        self._notes = Notes(self._slot, "worker-0", link=None, key="noted")
        stages = Stages(
            self._settings,
            reader=PostReader(self._settings.fields, max_text_chars=1000, max_bytes=10_000),
            current=self.current,
            notes=self._notes,
            tenures=self._tenures,
            worker="worker-0",
        )
        self.pipeline = Pipeline(stages, self._settings.detector)
        self._offset = 0

    def decider(self, digest: str) -> Decider:
        return first_decider(self._settings, None, detector=Watched(digest, self.batches, self.free))

    def items(self, *texts: str | None) -> list[Item]:
        (tenure,) = self._tenures.snapshot().values()
        items = []
        for text in texts:
            value = None if text is None else json.dumps({"id": text, "text": text}).encode()
            items.append(Item(_Record(value, self._offset), PARTITION, tenure))
            self._offset += 1
        return items

    def close(self) -> None:
        self.pipeline.close(10)
        self._notes.close()
        self._slot.release()


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    one = Line(tmp_path)
    yield one
    one.close()


def _decided(line: Line, count: int) -> list[tuple[str, str, float]]:
    """(post, digest of the detector, logit) of the next posts that are decided, in order."""
    items: list[Item] = []

    def taken() -> bool:
        items.extend(line.pipeline.take(0.1))
        return len(items) >= count

    wait_until(taken, what="the decisions")
    sent = [item.outgoing for item in items if item.outgoing is not None and item.failure is None]
    flags = [json.loads(record.value or b"") for record in sent]
    return [(flag["post_id"], flag["detector"]["digest"], flag["detector"]["logit"]) for flag in flags]


def test_posts_that_two_detectors_prepared_are_scored_apart_and_stay_in_order(line: Line) -> None:
    """They wait for the same batch, which is closed long after both have come in."""
    before, after = line.items("one", None, "two"), line.items("one", "three")
    line.pipeline.submit(before)
    wait_until(lambda: before[-1].arrived > 0, what="the first batch prepared")
    line.current.decider = line.decider("new")
    line.pipeline.submit(after)
    assert _decided(line, 5) == [
        (text, digest, logit_of(text))
        for text, digest in (("one", "old"), ("two", "old"), ("one", "new"), ("three", "new"))
    ]
    assert line.batches == [("old", ["one", "two"]), ("new", ["one", "three"])]


def test_a_post_that_goes_wrong_is_still_its_own_detectors(line: Line) -> None:
    before, after = line.items("fine", "poison"), line.items("poison", "well")
    line.pipeline.submit(before)
    wait_until(lambda: before[-1].arrived > 0, what="the first batch prepared")
    line.current.decider = line.decider("new")
    line.pipeline.submit(after)
    assert [(post, digest) for post, digest, _ in _decided(line, 4)] == [
        ("fine", "old"),
        ("well", "new"),
    ]
    assert [item.failure is not None for item in before + after] == [False, True, True, False]


def test_decided_posts_hold_no_detector(line: Line) -> None:
    items = line.items("one", None, "poison")
    line.pipeline.submit(items)
    assert [post for post, _, _ in _decided(line, 3)] == ["one"]
    assert all(item.decider is None for item in items)


def test_a_late_batch_takes_all_that_is_prepared(line: Line) -> None:
    line.free.clear()
    line.pipeline.submit(line.items("first"))
    wait_until(lambda: bool(line.batches), what="the first batch")
    late = [line.items(text) for text in ("two", "three", "four")]
    for items in late:
        line.pipeline.submit(items)
    wait_until(lambda: late[-1][0].arrived > 0, what="the others prepared")
    wait_until(lambda: time.monotonic() > late[0][0].arrived + 0.6, what="their deadline passed")
    line.free.set()
    assert len(_decided(line, 4)) == 4
    assert line.batches == [("old", ["first"]), ("old", ["two", "three", "four"])]
