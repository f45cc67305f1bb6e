"""What the topics are like now, as the brokers tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import NoError, TopicAuthorizationFailedError, UnknownTopicOrPartitionError, for_code

from worker.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_WITHOUT_LEADER: Final = 5


class Found(NamedTuple):
    """A topic as it is.

    Attributes:
        partitions: how many.
        copies: of the partition that has the fewest.
        configs: every option in force, whoever set it.
    """

    partitions: int
    copies: int
    configs: Mapping[str, str]


def found_topics(admin: Any, names: Sequence[str]) -> dict[str, Found]:
    """Those of the topics that exist.

    Raises:
        KafkaError: no broker answers.
        BrokerError: a right is missing.
    """
    described = {one["name"]: one for one in admin.describe_topics(list(dict.fromkeys(names)))}
    there: dict[str, list[dict[str, Any]]] = {}
    for name, one in described.items():
        kind = for_code(one["error_code"])
        if kind is TopicAuthorizationFailedError:
            raise BrokerError(
                f"topics: no right to DESCRIBE the topic {name!r}; see `flagstaff topics --acls`"
            )
        if kind is UnknownTopicOrPartitionError:
            continue
        # A topic some of whose partitions have no leader now is there all the same.
        if kind is not NoError and one["error_code"] != _WITHOUT_LEADER:
            raise BrokerError(f"topics: the topic {name!r} can't be described: {kind.__name__}")
        there[name] = one["partitions"]
    configs = _configs(admin, list(there))
    return {
        name: Found(
            partitions=len(partitions),
            copies=min(len(one["replica_nodes"]) for one in partitions),
            configs=configs[name],
        )
        for name, partitions in there.items()
    }


def broker_count(admin: Any) -> int:
    """How many brokers there are.

    Raises:
        KafkaError: none answers.
    """
    return len(admin.describe_cluster()["brokers"])


def _configs(admin: Any, names: Sequence[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    answers = admin.describe_configs(resources, config_filter="all").get("topic", {})
    configs = {}
    for name in names:
        # kafka-python leaves out why there are none.
        if not answers.get(name):
            raise BrokerError(
                f"topics: no right to DESCRIBE_CONFIGS of the topic {name!r}; see `flagstaff topics --acls`"
            )
        configs[name] = {option: str(one["value"]) for option, one in answers[name].items()}
    return configs
