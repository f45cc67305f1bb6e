"""`flagstaff explain` of a flag that is looked for on its topic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tests.support.command import flagstaff
from tests.support.flags import flag
from tests.support.running import publish
from tests.support.topics import unique_name

if TYPE_CHECKING:
    from tests.support.topics import TopicFactory


def test_a_flag_is_found_by_its_id_wherever_it_is_on_the_topic(broker: str, topic: TopicFactory) -> None:
    flags = topic("flags", servers=broker, partitions=3)
    mention = flag(9, metadata={"about": "flag-7"})
    publish(
        broker,
        flags,
        [
            b"{flag-7",
            msgspec.json.encode(mention),
            *(msgspec.json.encode(flag(number)) for number in range(9)),
        ],
    )
    settings = {"KAFKA__BOOTSTRAP_SERVERS": broker, "TOPICS__FLAGS": flags, "LOG__LEVEL": "error"}
    done = flagstaff("explain", "flag-7", settings=settings)
    assert done.code == 0, done.err
    assert done.out.startswith("About your post p7\n")
    missing = flagstaff("explain", "flag-77", settings=settings)
    assert (missing.code, missing.out) == (1, "")
    assert f"no flag of this id on the topic {flags!r}" in missing.said[-1]
    nowhere = flagstaff("explain", "flag-7", settings=settings | {"TOPICS__FLAGS": unique_name("none")})
    assert nowhere.code == 1
    assert "does not exist" in nowhere.said[-1]
