"""Probes while Kafka is away for long: no worker is to be killed for that. Part of `make soak`."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.chart import Rendered
from tests.support.independent_reader import committed_records
from tests.support.pod import LocalContainer
from tests.support.pod_worker import port_pair, topics, well
from tests.support.posts import posts
from tests.support.running import publish
from tests.support.waiting import PATIENCE_S, wait_until
from worker.embedded import EmbeddedKafka

if TYPE_CHECKING:
    from pathlib import Path

# Longer than the liveness probe lets a main loop stand still: 60 s, and six questions 20 s apart.
_AWAY_S = 200.0
_ASK_EVERY_S = 5.0


def _stays_alive(container: LocalContainer) -> bool:
    """Whether the probe was content all the while, but for fewer than six times in a row."""
    began, failures = time.monotonic(), 0
    while time.monotonic() - began < _AWAY_S:
        failures = 0 if well(container, "livenessProbe") else failures + 1
        if failures == 6:
            return False
        time.sleep(_ASK_EVERY_S)
    return True


@pytest.mark.soak
@pytest.mark.parametrize("started", [True, False], ids=["while it runs", "before it starts"])
def test_no_worker_is_killed_for_a_broker_that_is_away(tmp_path: Path, *, started: bool) -> None:
    with EmbeddedKafka(tmp_path / "kafka", keep=False) as kafka:
        named = topics(kafka)
        made = Rendered(
            {
                "kafka": {"bootstrapServers": kafka.bootstrap_servers},
                "settings": {"emit": "all", "topics": named},
                "worker": {"processes": 2, "port": port_pair(), "listenAddress": "127.0.0.1"},
            }
        )
        pod = made.one("Deployment")["spec"]["template"]
        container = LocalContainer(pod, tmp_path / "pod", configs=made.configs(), secrets={})
        publish(kafka.internal_servers, named["posts"], [json.dumps(post).encode() for post in posts(100)])
        if not started:
            kafka.stop_broker(0)
        worker = subprocess.Popen(container.command(), env=container.environment(), stdin=subprocess.DEVNULL)
        try:
            # Also without any broker: a start is over when the model is loaded.
            wait_until(lambda: well(container, "startupProbe"), what="the start")
            if started:
                wait_until(lambda: well(container, "readinessProbe"), what="all processes ready")
                kafka.stop_broker(0)
            assert _stays_alive(container)
            assert worker.poll() is None
            assert not well(container, "readinessProbe")
            kafka.start_broker(0)
            wait_until(lambda: well(container, "readinessProbe"), what="ready again")
            flags = committed_records(kafka.internal_servers, named["flags"])
            assert {json.loads(flag.value())["post_id"] for flag in flags} <= {f"p{n}" for n in range(100)}
        finally:
            worker.terminate()
            worker.wait(PATIENCE_S)
