"""An embedded Kafka that clients reach through the proxy only."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from tests.faults.proxy import KafkaProxy
from tests.support.broker import BROKER
from worker.embedded import EmbeddedKafka

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class ProxiedKafka(NamedTuple):
    """A cluster and the proxy in front of it.

    Attributes:
        proxy: the proxy.
        servers: where clients begin; all their traffic goes through the proxy.
        direct: the same cluster past the proxy, for whoever checks what happened.
        folder: where the brokers' data lie, in `broker-N`.
    """

    proxy: KafkaProxy
    servers: str
    direct: str
    folder: Path


@contextmanager
def proxied_kafka(folder: Path, *, brokers: int = 1) -> Iterator[ProxiedKafka]:
    """Starts the proxy and the brokers behind it."""
    with (
        KafkaProxy(brokers) as proxy,
        EmbeddedKafka(
            folder, brokers=brokers, keep=False, advertised_ports=proxy.ports, properties=BROKER
        ) as kafka,
    ):
        proxy.forward_to(kafka.client_ports)
        yield ProxiedKafka(proxy, kafka.bootstrap_servers, kafka.internal_servers, folder)
