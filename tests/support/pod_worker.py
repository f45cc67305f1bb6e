"""A worker of the chart against a real Kafka: the values and secrets that it takes, and what it must do."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from tests.support.independent_reader import committed_records
from tests.support.posts import posts
from tests.support.running import publish
from tests.support.topics import create_topic, unique_name
from tests.support.waiting import PATIENCE_S, wait_until
from worker.embedded import ClientSecurity
from worker.embedded.ports import is_free

if TYPE_CHECKING:
    from tests.support.pod import Files, LocalContainer
    from worker.embedded import EmbeddedKafka, EmbeddedValkey

SECURITY: Final = ClientSecurity(tls=True, users={"worker": "worker-pass"})
_POSTS: Final = 200


def topics(kafka: EmbeddedKafka) -> dict[str, str]:
    """Makes topics of their own; by setting."""
    made = {name: unique_name(name) for name in ("posts", "flags", "dead_letters", "holds")}
    for setting, name in made.items():
        compacted = {"cleanup.policy": "compact"} if setting == "holds" else {}
        partitions = 1 if setting == "holds" else 4
        create_topic(kafka.internal_servers, name, partitions=partitions, config=compacted)
    return made


def port_pair() -> int:
    """The first of two free ports, one behind the other."""
    return next(port for port in range(20_011, 32_000, 7) if is_free(port) and is_free(port + 1))


def well(container: LocalContainer, probe: str) -> bool:
    """Whether the kubelet would be content with a probe's answer."""
    asked = subprocess.run(
        container.probe(probe),
        env=container.environment(),
        capture_output=True,
        check=False,
        timeout=PATIENCE_S,
    )
    return asked.returncode == 0


def values(kafka: EmbeddedKafka, named: dict[str, str]) -> dict[str, Any]:
    """Of a stateful worker of two processes, with all secrets; it listens on free ports of this machine."""
    return {
        "kafka": {
            "bootstrapServers": kafka.bootstrap_servers,
            "securityProtocol": SECURITY.protocol,
            "existingSecret": "kafka",
            "caKey": "ca.crt",
        },
        "redis": {"existingSecret": "redis"},
        "settings": {"emit": "all", "topics": named},
        "worker": {
            "kind": "StatefulSet",
            "replicas": 1,
            "processes": 2,
            "port": port_pair(),
            "listenAddress": "127.0.0.1",
        },
    }


def secrets(kafka: EmbeddedKafka, valkey: EmbeddedValkey) -> dict[str, Files]:
    """What these values name."""
    login = {"username": "worker", "password": SECURITY.users["worker"]}
    return {
        "kafka": {**login, "ca.crt": kafka.ca_file.read_text(encoding="utf-8")},
        "redis": {"url": valkey.url},
    }


def decides_all(container: LocalContainer, kafka: EmbeddedKafka, named: dict[str, str], grace_s: int) -> None:
    """Runs the worker until all posts sent are decided, asks its probes, ends it as the kubelet does."""

    def decided() -> Counter[str]:
        flags = committed_records(kafka.internal_servers, named["flags"])
        return Counter(json.loads(flag.value())["post_id"] for flag in flags)

    assert not well(container, "startupProbe")
    publish(kafka.internal_servers, named["posts"], [json.dumps(post).encode() for post in posts(_POSTS)])
    worker = subprocess.Popen(container.command(), env=container.environment(), stdin=subprocess.DEVNULL)
    try:
        wait_until(lambda: well(container, "startupProbe"), what="the start")
        wait_until(lambda: well(container, "readinessProbe"), what="all processes ready")
        assert well(container, "livenessProbe")
        wait_until(lambda: len(decided()) == _POSTS, what="all decisions")
    finally:
        worker.terminate()
        code = worker.wait(grace_s)
    assert code == 0
    assert decided() == Counter({f"p{number}": 1 for number in range(_POSTS)})
