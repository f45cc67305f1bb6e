"""Waits until brokers answer and know each other."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from worker.embedded.ports import HOST
from worker.errors import EmbeddedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.embedded.broker import Broker

START_S = 120.0
LOOK_S = 0.05


def await_answers(ports: Mapping[Broker, int], at_least: int) -> None:
    """Returns when each broker, asked on its internal port, names at least so many brokers and itself.

    Raises:
        EmbeddedError: a broker ended, or did not answer in two minutes.
    """
    give_up = time.monotonic() + START_S
    for broker, port in ports.items():
        while not (_listens(port) and _answers(broker.node, port, at_least)):
            for other in ports:
                if not other.runs:
                    raise EmbeddedError(other.failure())
            if time.monotonic() > give_up:
                raise EmbeddedError(
                    f"embedded: broker {broker.node} gave no answer for {START_S:.0f} s; see {broker.log}"
                )
            time.sleep(LOOK_S)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def _answers(node: int, port: int, at_least: int) -> bool:
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=f"{HOST}:{port}", bootstrap_timeout_ms=2_000, request_timeout_ms=5_000
        )
    except KafkaError:
        return False
    try:
        nodes = {broker["broker_id"] for broker in admin.describe_cluster()["brokers"]}
    except KafkaError:
        return False
    finally:
        admin.close()
    return node in nodes and len(nodes) >= at_least
