"""Posts beside what was published of them."""

from __future__ import annotations

import msgspec

from tests.unit.replay.test_causes import flag
from worker.records import Post
from worker.replay.joining import Join
from worker.replay.parts import Score, Scored
from worker.replay.plan import Range, Stamp
from worker.replay.published import Published


def published(offset: int, detector: str, policy: str) -> Published:
    content = msgspec.json.encode(flag(detector, policy)).decode()
    return Published(partition=0, offset=offset, at=0, own_partition=0, own_offset=offset, flag=content)


def test_flags_are_counted_by_who_decided_them_also_those_without_a_post() -> None:
    flags = [published(0, "d1", "p1"), published(1, "d2", "p1"), published(2, "d1", "p1")]
    gone: list[int] = []
    join = Join(iter(flags), lambda one: gone.append(one.offset))
    post = Scored(offset=1, timestamp=5, post=Post("p", "text"), scores=(Score(0.0, 3, truncated=False),))
    (joined,) = join.of(Range(partition=0, warm=0, first=0, end=3), [post])
    join.rest()
    assert (joined.flags, joined.in_force) == ((flags[1].flag,), ("d2", "p1"))
    assert gone == [0, 2]
    assert join.published_by == {
        (Stamp("d", "d1"), Stamp("default", "p1")): 2,
        (Stamp("d", "d2"), Stamp("default", "p1")): 1,
    }
