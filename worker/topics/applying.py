"""Makes topics, and mends what a plan says can be mended."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import msgspec
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from worker.errors import BrokerError, SettingsError
from worker.stream.client import client_options
from worker.topics.found import broker_count, found_topics
from worker.topics.plan import planned
from worker.topics.shape import KAFKA_MESSAGE_BYTES, shapes

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from worker.settings import Settings
    from worker.topics.plan import TopicPlan


def plans_of(admin: Any, settings: Settings, *, leave: Collection[str] = ()) -> list[TopicPlan]:
    """A plan for each topic, from what the brokers tell now.

    Args:
        admin: kafka-python's administrator.
        settings: names and wishes.
        leave: topics that are nobody's business here.

    Raises:
        KafkaError: no broker answers.
        BrokerError: a right is missing.
    """
    names = [shape.name for shape in shapes(settings) if shape.name not in leave]
    found = found_topics(admin, [*names, settings.topics.posts])
    posts = found.get(settings.topics.posts)
    post_bytes = int(posts.configs["max.message.bytes"]) if posts is not None else KAFKA_MESSAGE_BYTES
    return planned([one for one in shapes(settings, post_bytes=post_bytes) if one.name not in leave], found)


def apply(admin: Any, plans: Sequence[TopicPlan]) -> None:
    """Creates what is missing and mends what can be mended, topic after topic.

    Raises:
        SettingsError: more copies are wanted than there are brokers; nothing was changed.
        KafkaError: no broker answers.
        BrokerError: the brokers refuse; what went before is done, and a new plan shows what is left.
    """
    copies = [int(plan.mendable["replication"]) for plan in plans if plan.status == "create"]
    if max(copies, default=0) > (brokers := broker_count(admin)):
        raise SettingsError(
            f"topics: {max(copies)} copies are wanted (FLAGSTAFF_TOPIC_SHAPE__REPLICATION) and the brokers "
            f"are {brokers}"
        )
    for plan in plans:
        try:
            if plan.status == "create":
                _create(admin, plan)
            else:
                _mend(admin, plan)
        except KafkaError as error:
            why = getattr(error, "description", "") or type(error).__name__
            raise BrokerError(f"topics: the brokers refuse to {plan.status} {plan.name!r}: {why}") from error


def create_topics(settings: Settings, *, partitions: int, replication: int) -> list[str]:
    """Creates the topics that are missing, and leaves the others as they are: for brokers of one's own.

    Args:
        settings: their names.
        partitions: of each topic that grows with the posts.
        replication: copies of each partition.

    Returns:
        The names of those that were missing.

    Raises:
        KafkaError: no broker answers.
        BrokerError: the brokers refuse.
    """
    shape = msgspec.structs.replace(settings.topic_shape, partitions=partitions, replication=replication)
    wished = msgspec.structs.replace(settings, topic_shape=shape)
    with closing(KafkaAdminClient(**client_options(settings.kafka))) as admin:
        missing = [plan for plan in plans_of(admin, wished) if plan.status == "create"]
        apply(admin, missing)
    return [plan.name for plan in missing]


def _create(admin: Any, plan: TopicPlan) -> None:
    options = plan.mendable
    topic = {
        "num_partitions": int(options.pop("partitions")),
        "replication_factor": int(options.pop("replication")),
        "configs": options,
    }
    answer = admin.create_topics({plan.name: topic}, raise_errors=False)["topics"][0]
    kind = for_code(answer["error_code"])
    # Somebody else may have made it meanwhile, like it or not: the next plan tells.
    if answer["error_code"] and kind is not TopicAlreadyExistsError:
        why = answer.get("error_message") or kind.__name__
        raise BrokerError(f"topics: the brokers refuse to create {plan.name!r}: {why}")
    admin.wait_for_topics([plan.name])


def _mend(admin: Any, plan: TopicPlan) -> None:
    options = plan.mendable
    if (partitions := options.pop("partitions", None)) is not None:
        admin.create_partitions({plan.name: int(partitions)})
    if options:
        resource = ConfigResource(ConfigResourceType.TOPIC, plan.name, configs=options)
        # kafka-python would look first whether the options are known, and finds none where it may not look.
        answer = admin.alter_configs([resource], raise_on_unknown=False)["topic"][plan.name]
        if answer != "OK":
            raise BrokerError(f"topics: the brokers refuse to change {plan.name!r}: {answer}")
