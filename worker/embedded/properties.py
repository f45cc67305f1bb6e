"""A broker's properties, from plain values."""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.embedded.ports import HOST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DATA = "data"
_AS_IS = frozenset(string.ascii_letters + string.digits + ".,:;/@_-")


@dataclass(frozen=True)
class BrokerPorts:
    """Ports of one broker, by who comes there; `advertised` is the one that clients are told."""

    client: int
    internal: int
    controller: int
    advertised: int


def broker_properties(
    node: int, ports: Sequence[BrokerPorts], security: Mapping[str, str], extra: Mapping[str, str]
) -> dict[str, str]:
    """Properties of broker `node` of a cluster in which every node is broker and controller.

    Clients have a listener of their own (`CLIENT`), so that it alone may ask for TLS or passwords, or stand
    behind a proxy; brokers talk to each other on `INTERNAL`, in plain text on the loopback address.

    Args:
        node: from 0.
        ports: one entry a broker.
        security: what `ClientSecurity.properties` gives.
        extra: further properties; they win.
    """
    own = ports[node]
    copies = min(len(ports), 3)
    in_sync = 2 if copies == 3 else 1  # noqa: PLR2004 - the usual pair: three copies, two in sync
    voters = ",".join(f"{number}@{HOST}:{other.controller}" for number, other in enumerate(ports))
    return {
        "process.roles": "broker,controller",
        "node.id": str(node),
        "controller.quorum.voters": voters,
        "listeners": (
            f"CLIENT://{HOST}:{own.client},INTERNAL://{HOST}:{own.internal},CONTROLLER://{HOST}:{own.controller}"
        ),
        "advertised.listeners": f"CLIENT://{HOST}:{own.advertised},INTERNAL://{HOST}:{own.internal}",
        "inter.broker.listener.name": "INTERNAL",
        "controller.listener.names": "CONTROLLER",
        # Relative to the broker's working directory: `log.dirs` would take a comma in a path for a separator.
        "log.dirs": DATA,
        "auto.create.topics.enable": "false",
        "default.replication.factor": str(copies),
        "min.insync.replicas": str(in_sync),
        "offsets.topic.replication.factor": str(copies),
        "offsets.topic.num.partitions": "3",
        "transaction.state.log.replication.factor": str(copies),
        "transaction.state.log.min.isr": str(in_sync),
        "transaction.state.log.num.partitions": "3",
        "share.coordinator.state.topic.replication.factor": str(copies),
        "share.coordinator.state.topic.min.isr": str(in_sync),
        "share.coordinator.state.topic.num.partitions": "3",
        # One consumer on a laptop should not wait three seconds for others to join it.
        "group.initial.rebalance.delay.ms": "0",
        # After a kill, a broker is let in again only when its last session has run out: 9 s by default.
        "broker.session.timeout.ms": "4000",
        "broker.heartbeat.interval.ms": "1000",
        # 128 MiB by default, taken at the start; a laptop's compacted topics are small.
        "log.cleaner.dedupe.buffer.size": str(16 << 20),
        **security,
        **extra,
    }


def render(properties: Mapping[str, str]) -> str:
    """The text of a Java properties file: ASCII, whatever the values hold."""
    return "".join(f"{_escaped(name)}={_escaped(value)}\n" for name, value in properties.items())


def _escaped(text: str) -> str:
    units = text.encode("utf-16-be")
    codes = (int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2))
    return "".join(chr(code) if chr(code) in _AS_IS else f"\\u{code:04x}" for code in codes)
