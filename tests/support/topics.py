"""Topics for tests: each has a name of its own, so that tests share brokers without meeting."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from kafka import KafkaAdminClient
from kafka.errors import UnknownBrokerIdError
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from tests.support.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class TopicFactory(Protocol):
    """Makes a topic and returns its name.

    `servers`: brokers to make it on; None: the shared embedded one. `replication` -1: the brokers' default.
    `client`: further arguments of the administrator's client, such as for TLS.
    """

    def __call__(  # noqa: PLR0913 - a topic has that many facts, all but the first by name
        self,
        name: str = "topic",
        *,
        partitions: int = 1,
        replication: int = -1,
        servers: str | None = None,
        config: Mapping[str, str] | None = None,
        client: Mapping[str, Any] | None = None,
    ) -> str: ...


@contextmanager
def administrator(servers: str, **client: Any) -> Iterator[KafkaAdminClient]:
    admin = KafkaAdminClient(bootstrap_servers=servers, **client)
    try:
        yield admin
    finally:
        admin.close()


def unique_name(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex[:12]}"


def create_topic(
    servers: str,
    name: str,
    *,
    partitions: int = 1,
    replication: int = -1,
    config: Mapping[str, str] | None = None,
    **client: Any,
) -> None:
    """Makes the topic `name` and returns when clients can use it."""
    options = {
        "num_partitions": partitions,
        "replication_factor": replication,
        "configs": dict(config or {}),
    }
    # Brokers that were just started may not all be in the client's metadata yet, the controller among them.
    for attempt in Retrying(
        retry=retry_if_exception_type(UnknownBrokerIdError),
        wait=wait_fixed(0.5),
        stop=stop_after_delay(PATIENCE_S),
        reraise=True,
    ):
        with attempt, administrator(servers, **client) as admin:
            admin.create_topics({name: options}, wait_for_metadata=True)


def delete_topics(servers: str, names: list[str], **client: Any) -> None:
    with administrator(servers, **client) as admin:
        admin.delete_topics(names)
