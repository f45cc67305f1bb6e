from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import pytest
from kafka import TopicPartition

from tests.support.moderation import START_MS, WordDetector, logit_of
from tests.support.waiting import wait_until
from worker.intake import PostReader
from worker.metrics import REGISTRY
from worker.release.challenger import load_challenger
from worker.release.rollout import Rollout
from worker.release.rungs import ALL, OFF, SHADOW, Rung
from worker.release.share import AuthorShare
from worker.release.waiting import MOST_BYTES, Waiting, WaitingPosts
from worker.settings import PREFIX, load_settings
from worker.stream.decider import Current, first_decider
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
    value: bytes
    offset: int
    topic: str = "posts"
    partition: int = 0
    timestamp: int = START_MS
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


class _Watched(WordDetector):
    """Keeps the size of each batch that it scores."""

    def __init__(self, digest: str) -> None:
        super().__init__(digest=digest)
        self.batches: list[int] = []

    def logits(self, batch: Sequence[Encoded]) -> list[float]:
        self.batches.append(len(batch))
        return super().logits(batch)


class Line:
    """A real pipeline with a rollout, without Kafka.

    Attributes:
        live: the live detector.
        challenger: the other one.
        rollout: whose stage is to be set.
        waiting: what goes to the shadow.
    """

    def __init__(self, folder: Path) -> None:
        values = {"EMIT": "all", "DATA_DIR": str(folder), "STAGE__MODEL": "its own"}
        settings = load_settings(environ={f"{PREFIX}{name}": value for name, value in values.items()})
        self.live, self.challenger = _Watched("live"), _Watched("new")
        self.current = Current(first_decider(settings, None, detector=self.live))
        self.waiting = WaitingPosts(50)
        self.decider = load_challenger(settings, None, self.current.decider, self.challenger)
        self.rollout = Rollout(self.decider, self.waiting)
        self.challenger.batches.clear()  # the rehearsal's
        self._tenures = Tenures()
        self._tenures.on_partitions_assigned([PARTITION])
        self._slot = Slot(folder)
        self._notes = Notes(self._slot, "worker-0", link=None, key="noted")
        stages = Stages(
            settings,
            reader=PostReader(settings.fields, max_text_chars=1000, max_bytes=10_000),
            current=self.current,
            notes=self._notes,
            tenures=self._tenures,
            worker="worker-0",
            rollout=self.rollout,
        )
        self.pipeline = Pipeline(stages, settings.detector)

    def items(self, count: int) -> list[Item]:
        """Posts of as many authors."""
        (tenure,) = self._tenures.snapshot().values()
        return [
            Item(
                _Record(
                    json.dumps(
                        {"id": f"p{n}", "text": f"some words {n}", "author": {"id": f"a{n}"}}
                    ).encode(),
                    n,
                ),
                PARTITION,
                tenure,
            )
            for n in range(count)
        ]

    def decided(self, items: list[Item]) -> list[tuple[str, str, float]]:
        """(author, digest of the detector, logit) of each, in the order in which they come out."""
        out: list[Item] = []
        self.pipeline.submit(items)

        def taken() -> bool:
            out.extend(self.pipeline.take(0.1))
            return len(out) >= len(items)

        wait_until(taken, what="the decisions")
        assert out == items
        flags = [json.loads(item.outgoing.value or b"") for item in out if item.outgoing is not None]
        return [(flag["author_id"], flag["detector"]["digest"], flag["detector"]["logit"]) for flag in flags]

    def close(self) -> None:
        self.pipeline.close(10)
        self._notes.close()
        self._slot.release()


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    one = Line(tmp_path)
    yield one
    one.close()


def _skipped() -> float:
    return REGISTRY.get_sample_value("flagstaff_shadow_posts_total", {"outcome": "skipped"}) or 0.0


def test_in_a_share_each_author_has_one_decider_and_posts_stay_in_order_and_in_large_batches(
    line: Line,
) -> None:
    line.rollout.enter(Rung("share", 0.3))
    authors = AuthorShare(f"new {line.decider.policy.digest}")
    reader = PostReader(load_settings(environ={}).fields, max_text_chars=1000, max_bytes=10_000)
    items = line.items(200)
    expected = []
    for number, item in enumerate(items):
        digest = "new" if authors.holds(reader.read(item.record.value), 0.3) else "live"
        expected.append((f"a{number}", digest, logit_of(f"some words {number}")))
    assert line.decided(items) == expected
    assert {digest for _, digest, _ in expected} == {"live", "new"}
    # One call each, not one for each change from one author to the next.
    assert [len(line.live.batches), len(line.challenger.batches)] == [1, 1]


@pytest.mark.parametrize(("rung", "digest"), [(OFF, "live"), (SHADOW, "live"), (ALL, "new")])
def test_outside_of_a_share_one_decides_all(line: Line, rung: Rung, digest: str) -> None:
    line.rollout.enter(rung)
    assert {one for _, one, _ in line.decided(line.items(20))} == {digest}


@pytest.mark.parametrize(("rung", "offered"), [(OFF, 0), (SHADOW, 20), (ALL, 0)])
def test_only_a_live_decision_is_looked_at_beside(line: Line, rung: Rung, offered: int) -> None:
    line.rollout.enter(rung)
    line.decided(line.items(20))
    assert len(line.waiting.take(100, 0.0)) == offered


def test_what_finds_no_room_is_skipped_and_counted_and_holds_nothing_up(line: Line) -> None:
    line.rollout.enter(SHADOW)
    before = _skipped()
    assert len(line.decided(line.items(120))) == 120
    assert _skipped() - before == 70
    assert [one.place[2] for one in line.waiting.take(100, 0.0)] == list(range(50))


def test_a_post_that_killed_a_process_is_not_given_to_the_challenger(line: Line) -> None:
    line.rollout.enter(SHADOW)
    items = line.items(3)
    line.decided(items)
    line.waiting.take(100, 0.0)
    again = [item for item in items if item.action is not None]
    again[1].isolate = True
    line.rollout.decided(line.current.decider, again)
    assert [one.place[2] for one in line.waiting.take(100, 0.0)] == [0, 2]


def test_once_the_challenger_is_the_live_one_nothing_is_compared(line: Line) -> None:
    line.rollout.enter(SHADOW)
    line.current.decider = first_decider(load_settings(environ={}), None, detector=_Watched("new"))
    line.decided(line.items(5))
    assert line.waiting.take(100, 0.0) == []


def test_large_posts_fill_the_queue_by_their_bytes(line: Line) -> None:
    line.rollout.enter(SHADOW)
    line.decided(line.items(5))
    posts = [one._replace(size=MOST_BYTES // 2) for one in line.waiting.take(5, 0.0)]
    assert line.waiting.offer(posts) == 2
    assert [type(one) for one in line.waiting.take(1, 0.0)] == [Waiting]
    assert line.waiting.offer(posts) == 1


def test_the_metrics_say_which_stage_it_is(line: Line) -> None:
    line.rollout.enter(Rung("share", 0.3))
    stages = {
        name: REGISTRY.get_sample_value("flagstaff_stage", {"stage": name})
        for name in ("off", "shadow", "share", "all")
    }
    assert stages == {"off": 0, "shadow": 0, "share": 1, "all": 0}
    assert REGISTRY.get_sample_value("flagstaff_stage_share") == 0.3
