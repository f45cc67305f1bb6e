"""A worker started as its pod template says, with secrets for SASL, TLS and Redis, decides real posts."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.support.chart import Rendered
from tests.support.independent_reader import committed_records
from tests.support.pod import LocalContainer
from tests.support.posts import posts
from tests.support.running import publish
from tests.support.topics import create_topic
from tests.support.waiting import wait_until
from worker.embedded import ClientSecurity, EmbeddedKafka
from worker.embedded.ports import is_free

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from confluent_kafka import Message

    from worker.embedded import EmbeddedValkey

_SECURITY = ClientSecurity(tls=True, users={"worker": "worker-pass"})


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    with EmbeddedKafka(tmp_path_factory.mktemp("secured"), security=_SECURITY, keep=False) as kafka:
        for name in ("posts", "flags", "dead-letters"):
            create_topic(kafka.internal_servers, name, partitions=4)
        create_topic(kafka.internal_servers, "holds", config={"cleanup.policy": "compact"})
        yield kafka


def _port() -> int:
    """Two free ports, one behind the other."""
    return next(port for port in range(20_011, 32_000, 7) if is_free(port) and is_free(port + 1))


def test_it_decides_every_post_and_its_probes_say_so(
    secured: EmbeddedKafka, embedded_valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    made = Rendered(
        {
            "kafka": {
                "bootstrapServers": secured.bootstrap_servers,
                "securityProtocol": _SECURITY.protocol,
                "existingSecret": "kafka",
                "caKey": "ca.crt",
            },
            "redis": {"existingSecret": "redis"},
            "settings": {"emit": "all"},
            "worker": {"kind": "StatefulSet", "processes": 2, "port": _port(), "listenAddress": "127.0.0.1"},
        }
    )
    secrets = {
        "kafka": {
            "username": "worker",
            "password": _SECURITY.users["worker"],
            "ca.crt": secured.ca_file.read_text(encoding="utf-8"),
        },
        "redis": {"url": embedded_valkey.url},
    }
    (pod,) = (one for owner, one in made.pods() if owner.startswith("StatefulSet/"))
    container = LocalContainer(pod, tmp_path, configs=made.configs(), secrets=secrets, name="worker-0")

    def well(probe: str) -> bool:
        asked = subprocess.run(
            container.probe(probe), env=container.environment(), capture_output=True, check=False, timeout=60
        )
        return asked.returncode == 0

    assert not well("startupProbe")
    publish(secured.internal_servers, "posts", [json.dumps(post).encode() for post in posts(200)])
    worker = subprocess.Popen(container.command(), env=container.environment(), stdin=subprocess.DEVNULL)
    try:
        wait_until(lambda: well("startupProbe"), what="the start")
        wait_until(lambda: well("readinessProbe"), what="all processes ready")
        assert well("livenessProbe")
        wait_until(lambda: _decided(secured) == 200, what="200 decisions")
    finally:
        worker.terminate()
        code = worker.wait(pod["spec"]["terminationGracePeriodSeconds"])
    assert code == 0
    seen = Counter(json.loads(record.value())["post_id"] for record in _flags(secured))
    assert seen == Counter({f"p{number}": 1 for number in range(200)})
    # It kept what it must not lose where its volume is, and nothing elsewhere.
    assert (tmp_path / "data/slots").is_dir()


def _flags(kafka: EmbeddedKafka) -> list[Message]:
    return committed_records(kafka.internal_servers, "flags")


def _decided(kafka: EmbeddedKafka) -> int:
    return len(_flags(kafka))
