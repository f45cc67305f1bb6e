"""A real Apache Kafka in a folder: one to five brokers, each also a controller (KRaft)."""

from __future__ import annotations

import base64
import os
import time
import uuid
from typing import TYPE_CHECKING, Self

from worker.embedded.answers import await_answers
from worker.embedded.broker import Broker
from worker.embedded.folder import Folder, plain_disk_errors
from worker.embedded.jars import kafka_jars
from worker.embedded.java import Java, find_java
from worker.embedded.ports import HOST, chosen_ports, free_ports, is_free
from worker.embedded.properties import BrokerPorts, broker_properties
from worker.embedded.security import CA, ClientSecurity, make_certificates
from worker.errors import EmbeddedError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

MOST_BROKERS = 5
STOP_S = 15.0
LEAST_MIB = 64


class EmbeddedKafka:
    """A Kafka cluster on the loopback address; a context manager that starts and stops it.

    Brokers are numbered from 0, which are also their node ids.

    Args:
        folder: where its data and logs lie. One process at a time uses it.
        brokers: 1 to 5; a folder keeps the number it began with. Internal topics have up to three copies.
        port: clients' port of the first broker, the next has the next; None: the last ones if free, else any.
        keep: whether data outlives a stop; False: brokers are killed, which is quicker.
        java: which Java runtime, see `find_java`.
        security: what clients must show.
        advertised_ports: ports that clients are told instead of the brokers' own, one a broker: those of
            proxies in front of `client_ports`. Traffic between brokers does not take them.
        properties: further properties of every broker; they win over those set here.

    Raises:
        SettingsError: a number of brokers outside 1 to 5, or not one advertised port a broker.
    """

    def __init__(  # noqa: PLR0913 - each is one fact about the cluster, all but the folder optional
        self,
        folder: Path,
        *,
        brokers: int = 1,
        port: int | None = None,
        keep: bool = True,
        java: Java = "bundled",
        security: ClientSecurity | None = None,
        advertised_ports: Sequence[int] | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> None:
        if not 1 <= brokers <= MOST_BROKERS:
            raise SettingsError(f"embedded: {brokers} brokers: give 1 to {MOST_BROKERS}")
        if advertised_ports is not None and len(advertised_ports) != brokers:
            raise SettingsError(f"embedded: {len(advertised_ports)} advertised ports for {brokers} brokers")
        self.folder = folder
        self._count = brokers
        self._port = port
        self._keep = keep
        self._java = java
        self._security = security or ClientSecurity()
        self._advertised = advertised_ports
        self._properties = dict(properties or {})
        self._held: Folder | None = None
        self._brokers: list[Broker] = []
        self._ports: list[BrokerPorts] = []

    @property
    def bootstrap_servers(self) -> str:
        """Where clients begin: every broker as `host:port`, commas between; restarts do not change it."""
        return ",".join(f"{HOST}:{ports.advertised}" for ports in self._ports)

    @property
    def internal_servers(self) -> str:
        """The same for administrators: no proxy, no TLS, no password, every right."""
        return ",".join(f"{HOST}:{ports.internal}" for ports in self._ports)

    @property
    def client_ports(self) -> list[int]:
        """The clients' port that each broker listens on."""
        return [ports.client for ports in self._ports]

    @property
    def ca_file(self) -> Path:
        """The certificate authority that clients check brokers against, where `security` asks for TLS."""
        return self.folder / CA

    def start(self) -> None:
        """Starts all brokers and returns when each answers and knows all others.

        Raises:
            EmbeddedError: it can't be started.
            SettingsError: a chosen port is in use, or the folder holds another number of brokers.
        """
        java = find_java(self._java)
        jars = kafka_jars()
        self._held = Folder(self.folder, LEAST_MIB)
        try:
            self._prepare(self._held, java, jars)
            for broker in self._brokers:
                broker.launch()
            self._await(range(self._count), at_least=self._count)
        except BaseException:
            self.stop()
            raise

    def _prepare(self, folder: Folder, java: Path, jars: Sequence[Path]) -> None:
        facts = folder.facts()
        if facts.get("brokers", self._count) != self._count:
            raise SettingsError(
                f"embedded: {folder.path} holds {facts['brokers']} brokers, not {self._count}: "
                "give that number, or choose another folder"
            )
        cluster_id = facts.get("cluster_id") or _new_cluster_id()
        self._ports = self._choose_ports(facts.get("ports", []))
        kept = [[ports.client, ports.internal, ports.controller] for ports in self._ports]
        folder.remember({"cluster_id": cluster_id, "brokers": self._count, "ports": kept})
        with plain_disk_errors(folder.path):
            if self._security.tls:
                make_certificates(java, folder.path)
            security = self._security.properties(folder.path)
        runtime = [str(java), "-cp", os.pathsep.join(map(str, jars))]
        self._brokers = [
            Broker(node, folder.path / f"broker-{node}", runtime, keep=self._keep, lock=folder.lock)
            for node in range(self._count)
        ]
        for broker in self._brokers:
            broker.configure(broker_properties(broker.node, self._ports, security, self._properties))
        arguments = self._security.format_arguments()
        for broker in self._brokers:
            broker.begin_format(cluster_id, arguments)
        for broker in self._brokers:
            broker.end_format()

    def _choose_ports(self, last: list[list[int]]) -> list[BrokerPorts]:
        wanted = list(zip(*last, strict=True)) or [(), (), ()]
        clients = (
            free_ports(self._count, wanted[0])
            if self._port is None
            else chosen_ports(self._port, self._count, "Kafka port")
        )
        others = free_ports(2 * self._count, [*wanted[1], *wanted[2]], taken=clients)
        internal, controllers = others[: self._count], others[self._count :]
        advertised = self._advertised or clients
        return [BrokerPorts(*four) for four in zip(clients, internal, controllers, advertised, strict=True)]

    def _await(self, nodes: Iterable[int], at_least: int) -> None:
        await_answers({self._brokers[node]: self._ports[node].internal for node in nodes}, at_least)

    def running(self) -> list[int]:
        """The brokers whose process is there, answering or not."""
        return [broker.node for broker in self._brokers if broker.runs]

    def check(self) -> None:
        """Raises EmbeddedError, saying why, where a broker is not running."""
        for broker in self._brokers:
            if not broker.runs:
                raise EmbeddedError(broker.failure())

    def start_broker(self, *nodes: int) -> None:
        """Starts brokers that were stopped or killed, with their data and ports; returns when they answer.

        Where so many are down that the controllers have no majority, name all that are to come back in one
        call: none answers alone.

        Raises:
            EmbeddedError: one can't be started.
        """
        for node in nodes:
            if not self._brokers[node].runs:
                port = self.client_ports[node]
                # The broker itself may answer on its inner port before it finds this one taken, and ends.
                if not is_free(port):
                    raise EmbeddedError(f"embedded: port {port} on {HOST} is in use by another process")
                self._brokers[node].launch()
        self._await(nodes, at_least=1)

    def stop_broker(self, node: int) -> None:
        """Ends a broker as an administrator does: its partitions are handed over first."""
        self._brokers[node].child.stop(STOP_S)

    def kill_broker(self, node: int) -> None:
        """Ends a broker as `kill -9` does."""
        self._brokers[node].child.kill()

    def stop(self) -> None:
        """Ends all brokers and gives the folder back; with `keep` they write their data first.

        `start` brings them back, on the same ports if these are still free.
        """
        children = [broker.child for broker in self._brokers if broker.runs]
        give_up = time.monotonic() + STOP_S
        for child in children:
            if self._keep:
                child.ask_to_stop()
            else:
                child.kill()
        for child in children:
            child.await_end(max(give_up - time.monotonic(), 0))
        if self._held is not None:
            self._held.close()
            self._held = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _new_cluster_id() -> str:
    # As Kafka's own: a leading dash would be taken for an option.
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes)[:22].decode()).startswith("-"):
        pass
    return text
