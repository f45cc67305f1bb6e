from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from worker.settings import Settings, load_settings
from worker.topics.found import Found
from worker.topics.plan import planned
from worker.topics.shape import shapes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.topics.plan import TopicPlan


def _as_wished(settings: Settings) -> dict[str, Found]:
    return {
        one.name: Found(one.partitions, one.copies, {"max.message.bytes": "1048588", **one.configs})
        for one in shapes(settings)
    }


def _with(name: str, now: Mapping[str, Any]) -> TopicPlan:
    """The plan of a topic that is as wished but for its partitions, its copies or some options."""
    found = _as_wished(Settings())
    sizes = {what: value for what, value in now.items() if what in {"partitions", "copies"}}
    options = {what: value for what, value in now.items() if what not in sizes}
    found[name] = found[name]._replace(configs={**found[name].configs, **options}, **sizes)
    return next(plan for plan in planned(shapes(Settings()), found) if plan.name == name)


def test_every_topic_of_the_settings_is_planned_and_created_as_wished() -> None:
    plans = planned(shapes(Settings()), {})
    assert [plan.setting for plan in plans] == list(Settings().topics.__struct_fields__)
    assert {plan.status for plan in plans} == {"create"}
    wanted = {plan.name: plan.mendable for plan in plans}
    assert wanted["posts"] == {
        "partitions": "12",
        "replication": "3",
        "cleanup.policy": "delete",
        "retention.ms": str(30 * 86_400_000),
        "min.insync.replicas": "2",
        "unclean.leader.election.enable": "false",
    }
    assert wanted["holds"]["cleanup.policy"] == "compact"
    assert wanted["holds"]["partitions"] == "1"
    assert wanted["decisions"]["retention.ms"] == "-1"


def test_what_is_as_wished_is_fine() -> None:
    plans = planned(shapes(Settings()), _as_wished(Settings()))
    assert [(plan.status, plan.deviations) for plan in plans] == [("fine", ())] * len(plans)


@pytest.mark.parametrize(
    "more",
    [{"partitions": 24}, {"copies": 5}, {"min.insync.replicas": "3"}, {"max.message.bytes": "9999999"}],
)
def test_more_than_is_wished_is_fine(more: dict[str, Any]) -> None:
    assert _with("dead-letters", more).status == "fine"


@pytest.mark.parametrize(
    ("name", "now", "mended"),
    [
        ("posts", {"partitions": 4}, {"partitions": "12"}),
        ("posts", {"retention.ms": "1000"}, {"retention.ms": str(30 * 86_400_000)}),
        ("flags", {"min.insync.replicas": "1"}, {"min.insync.replicas": "2"}),
        ("dead-letters", {"max.message.bytes": "1048588"}, {"max.message.bytes": str(2 * 2**20)}),
        ("holds", {"cleanup.policy": "delete"}, {"cleanup.policy": "compact"}),
        ("stages", {"cleanup.policy": "compact,delete"}, {"cleanup.policy": "compact"}),
        ("decisions", {"retention.ms": "1000"}, {"retention.ms": "-1"}),
    ],
)
def test_what_loses_no_record_is_changed(name: str, now: dict[str, Any], mended: dict[str, str]) -> None:
    plan = _with(name, now)
    assert (plan.status, plan.mendable) == ("change", mended)


@pytest.mark.parametrize(
    ("name", "now", "said"),
    [
        ("stages", {"partitions": 3}, "can't be taken away"),
        ("posts", {"copies": 1, "min.insync.replicas": "1"}, "kafka-reassign-partitions.sh"),
        ("posts", {"retention.ms": "-1"}, "topic_shape.posts_days"),
        ("posts", {"retention.ms": str(60 * 86_400_000)}, "records would be deleted"),
        ("flags", {"cleanup.policy": "compact"}, "would be deleted at once"),
    ],
)
def test_what_could_lose_a_record_is_left_to_a_person(name: str, now: dict[str, Any], said: str) -> None:
    plan = _with(name, now)
    assert (plan.status, plan.mendable) == ("differs", {})
    (deviation,) = plan.deviations
    assert said in (deviation.by_hand or "")


def test_one_broker_away_never_stops_writing_for_want_of_copies() -> None:
    plan = _with("flags", {"copies": 2, "min.insync.replicas": "1"})
    assert "min.insync.replicas" not in plan.mendable
    assert _with("flags", {"copies": 1, "min.insync.replicas": "1"}).mendable == {}


def test_a_dead_letter_has_room_for_the_largest_post_and_its_headers() -> None:
    largest = {one.setting: one.configs for one in shapes(Settings(), post_bytes=5_000_000)}
    assert int(largest["dead_letters"]["max.message.bytes"]) > 5_000_000


def test_wishes_are_settings() -> None:
    settings = load_settings(
        environ={
            "FLAGSTAFF_TOPIC_SHAPE__PARTITIONS": "48",
            "FLAGSTAFF_TOPIC_SHAPE__REPLICATION": "1",
            "FLAGSTAFF_TOPIC_SHAPE__FLAGS_DAYS": "0",
            "FLAGSTAFF_TOPICS__FLAGS": "platform.flags",
        }
    )
    flags = next(one for one in shapes(settings) if one.setting == "flags")
    assert (flags.name, flags.partitions, flags.copies) == ("platform.flags", 48, 1)
    assert (flags.configs["retention.ms"], flags.configs["min.insync.replicas"]) == ("-1", "1")
