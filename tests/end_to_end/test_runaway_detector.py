"""A detector goes wrong under `flagstaff run`: what it brings about is held down, and a person lifts that."""

from __future__ import annotations

import http.client
import json
import os
import signal
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command import flagstaff
from tests.support.independent_reader import committed_records
from tests.support.linear_checkpoint import linear_checkpoint, turn_over
from tests.support.running import all_decided, publish, worker_settings
from tests.support.waiting import PATIENCE_S, wait_until
from tests.support.worker import WorkerProcesses
from worker.embedded.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.topics import TopicFactory

PROCESSES = 2
WITHIN = 181
POLICY = {
    "name": "trusting",
    "thresholds": {"label": 0.8, "review": 0.92, "limit": 0.99},
    "detector": {"alone": "review"},
    "signals": {},
}


class Platform:
    """A worker with two processes, and the model that it follows."""

    def __init__(self, servers: str, topics: dict[str, str], folder: Path) -> None:
        self.servers, self.topics, self._folder = servers, topics, folder
        for name, bias in (("calm", -3.0), ("wild", 5.0)):
            linear_checkpoint(folder / name, bias)
        turn_over(folder / "model", folder / "calm")
        (folder / "policy.yaml").write_text(json.dumps(POLICY))
        self._port = free_ports(1)[0]
        self.names = {
            "KAFKA__BOOTSTRAP_SERVERS": servers,
            "KAFKA__GROUP_ID": f"group-{topics['posts']}",
            "KAFKA__TRANSACTIONAL_ID_PREFIX": f"tx-{topics['posts']}",
            "KAFKA__SESSION_TIMEOUT_MS": "6000",
            "TOPICS__POSTS": topics["posts"],
            "TOPICS__FLAGS": topics["flags"],
            "TOPICS__DEAD_LETTERS": topics["dead_letters"],
            "TOPICS__HOLDS": topics["holds"],
        }
        more = {
            "DETECTOR__MODEL": str(folder / "model"),
            "POLICY__FILE": str(folder / "policy.yaml"),
            "SIGNALS__ENABLED": "account_age",
            "EMIT": "all",
            "PROCESSES": str(PROCESSES),
            "HTTP__PORT": str(self._port),
        }
        self._settings = worker_settings(folder, servers, topics)
        self.worker = WorkerProcesses(self.names | more, folder, folder / "log")
        self.worker.start()
        self._sent = 0

    def decide(self, count: int) -> Counter[tuple[str, bool]]:
        """Sends so many posts; counts the actions of their flags, and whether they were held down."""
        first = self._sent
        self._sent += count
        values = [
            json.dumps({"id": f"p{n}", "text": f"a few plain words, number {n}", "lang": "en"}).encode()
            for n in range(first, self._sent)
        ]
        publish(self.servers, self.topics["posts"], values)
        wait_until(lambda: all_decided(self.servers, self._settings), what="the end of the topic")
        found: Counter[tuple[str, bool]] = Counter()
        for record in committed_records(self.servers, self.topics["flags"]):
            flag = json.loads(record.value())
            if int(flag["post_id"][1:]) >= first:
                found[flag["action"], "flagstaff-held" in dict(record.headers())] += 1
        return found

    def switch(self, model: str) -> None:
        """Lets the model be another; waits until each process has taken it over."""
        expected = self.worker.log().count('"detector_switched"') + PROCESSES
        turn_over(self._folder / "model", self._folder / model)
        self.worker.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.worker.log().count('"detector_switched"') >= expected, what="the switch")

    def ready(self) -> Any:
        """What the first process answers to `/ready`."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
        try:
            connection.request("GET", "/ready")
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


@pytest.fixture
def platform(kafka: str, topic: TopicFactory, tmp_path: Path) -> Iterator[Platform]:
    topics = {
        "posts": topic("posts", partitions=4),
        "flags": topic("flags"),
        "dead_letters": topic("dead-letters"),
        "holds": topic("holds", config={"cleanup.policy": "compact"}),
    }
    platform = Platform(kafka, topics, tmp_path)
    yield platform
    platform.worker.close()


def test_a_runaway_detector_is_held_down_over_kills_until_a_person_lifts_it(platform: Platform) -> None:
    assert platform.decide(300) == {("pass", False): 300}

    platform.switch("wild")
    found = platform.decide(2_000)
    assert found.keys() == {("review", False), ("label", True)}
    assert found["review", False] <= PROCESSES * (WITHIN - 1)
    wait_until(lambda: platform.ready().get("held") == ["review"], what="/ready naming what is held")
    assert "plain words" not in platform.worker.log()
    assert '"action_held"' in platform.worker.log()

    for pid in platform.worker.pids():
        os.kill(pid, signal.SIGKILL)
    assert platform.decide(100) == {("label", True): 100}

    platform.switch("calm")
    assert platform.decide(100) == {("pass", False): 100}
    lifted = flagstaff("hold", "lift", "review", "--note", "calm again", settings=platform.names)
    assert lifted.code == 0, lifted.err
    wait_until(lambda: "held" not in platform.ready(), what="the lift")
    assert platform.worker.stop() == 0
