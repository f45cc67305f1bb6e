"""A real worker, scraped by a real Prometheus: what the dashboard would show of it."""

from __future__ import annotations

import json
import threading
from itertools import count
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.deploy.expressions import RULES, Asked, asked_by_dashboard
from tests.support.posts import broken, posts
from tests.support.prometheus import BINARY, prometheus
from tests.support.running import publish
from tests.support.waiting import wait_until
from tests.support.worker import WorkerProcesses
from worker.embedded.ports import free_ports
from worker.metrics import metrics_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.prometheus import Prometheus
    from tests.support.topics import TopicFactory
    from worker.embedded import EmbeddedValkey

LABELS = {"namespace": "moderation"}
# Of these there is no series before the first event, and none comes about here.
SILENT = {
    "flagstaff_discarded_posts_total",
    "flagstaff_redis_failures_total",
    "flagstaff_held_flags_total",
    "flagstaff_stage",
    "flagstaff_shadow_decisions_total",
    "flagstaff_shadow_signals_missing_total",
    "flagstaff_detector_info",
}

pytestmark = pytest.mark.skipif(
    BINARY is None, reason="a real Prometheus is asked (Debian: apt install prometheus)"
)


@pytest.fixture
def address(
    kafka: str, embedded_valkey: EmbeddedValkey, topic: TopicFactory, tmp_path: Path
) -> Iterator[str]:
    """Where a worker serves its metrics; posts keep coming, and one in a hundred is broken."""
    topics = {name: topic(name, partitions=2) for name in ("posts", "flags", "dead-letters")}
    (port,) = free_ports(1)
    settings = {
        "KAFKA__BOOTSTRAP_SERVERS": kafka,
        "KAFKA__GROUP_ID": topics["posts"],
        "TOPICS__POSTS": topics["posts"],
        "TOPICS__FLAGS": topics["flags"],
        "TOPICS__DEAD_LETTERS": topics["dead-letters"],
        "REDIS__URL": embedded_valkey.url,
        "REDIS__PREFIX": topics["posts"],
        "EMIT": "all",
        "HTTP__PORT": str(port),
    }
    worker = WorkerProcesses(settings, tmp_path, tmp_path / "log")
    ending = threading.Event()

    def feed() -> None:
        for turn in count():
            if ending.wait(0.2):
                return
            good = [json.dumps(post | {"id": f"{turn}-{n}"}).encode() for n, post in enumerate(posts(100))]
            publish(kafka, topics["posts"], [*good, *broken(1), None])

    feeding = threading.Thread(target=feed)
    worker.start()
    feeding.start()
    yield f"127.0.0.1:{port}"
    ending.set()
    feeding.join()
    worker.stop()
    worker.close()


def _empty(server: Prometheus) -> list[Asked]:
    """What has no series, although the worker counts something for it."""
    return [one for one in asked_by_dashboard() if one.metrics - SILENT and not server.query(one.filled)]


def _action_shares(server: Prometheus) -> list[float]:
    return [float(one["value"][1]) for one in server.query("flagstaff:action_share:30m")]


def test_every_panel_shows_something_and_every_rule_is_evaluated(address: str, tmp_path: Path) -> None:
    folder = tmp_path / "prometheus"
    folder.mkdir()
    with prometheus(folder, address, LABELS, RULES) as server:
        wait_until(lambda: bool(server.query("flagstaff_dead_letters_total > 0")), what="a dead letter")
        wait_until(lambda: not _empty(server), what="something in every panel")
        for one in asked_by_dashboard():
            for series in server.query(one.filled):
                assert one.shown <= set(series["metric"]), one
        (lag,) = server.query("flagstaff:lag_posts:sum")
        assert lag["metric"] | LABELS == lag["metric"]
        assert lag["metric"]["job"] == "flagstaff"
        # The first increase is seen at the second look at the worker.
        wait_until(lambda: sum(_action_shares(server)) == pytest.approx(1), what="each action's share")
        rules = server.rules()
        assert {rule["health"] for rule in rules} == {"ok"}
        assert [rule["name"] for rule in rules if rule.get("state") == "firing"] == []


def test_what_the_worker_serves_is_what_it_declares(address: str) -> None:
    def served() -> set[str]:
        try:
            text = httpx.get(f"http://{address}/metrics").text
        except httpx.TransportError:
            return set()
        kinds = [line.split() for line in text.splitlines() if line.startswith("# TYPE")]
        return {name for _, _, name, _ in kinds if not name.endswith("_created")}

    wait_until(lambda: bool(served()), what="metrics")
    ours = {name for name in served() if not name.startswith("process_")}
    assert ours == {metric.name for metric in metrics_table()}
    assert {
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
    } <= served()
