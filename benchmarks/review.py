"""The console with many flags and many reviewers: `python -m benchmarks.review`.

Fills a view with flags, serves the console with a real Kafka behind it, and lets reviewers on threads of
their own ask for the queue's first page and for the next post, and decide, at once. Prints the median and the
95th percentile of each.
"""

from __future__ import annotations

import argparse
import http.client
import random
import re
import statistics
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec
from kafka import KafkaProducer

from tests.support.flags import flag
from worker.embedded import EmbeddedKafka
from worker.logs import configure_logs
from worker.review.console import opened
from worker.review.serving import serve
from worker.review.sessions import Links, Sessions
from worker.review.web import Web
from worker.settings import load_settings
from worker.topics.applying import create_topics

DAY_MS = 24 * 3_600_000


class Answer(NamedTuple):
    """One answer, and how long it took in seconds."""

    seconds: float
    body: str
    location: str


class Reviewer:
    """Somebody with a browser."""

    def __init__(self, address: str, key: str) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=60)
        self._cookie = ""
        self.took: dict[str, list[float]] = {"queue": [], "next post": [], "verdict": []}
        self.ask("GET", f"/enter?key={key}")

    def ask(self, method: str, path: str, form: dict[str, str] | None = None) -> Answer:
        """One request with its answer."""
        headers = {"Cookie": self._cookie, "Content-Type": "application/x-www-form-urlencoded"}
        begun = time.perf_counter()
        self._connection.request(method, path, urlencode(form) if form else None, headers)
        answer = self._connection.getresponse()
        body = answer.read().decode()
        seconds = time.perf_counter() - begun
        if answer.status not in {200, 303}:
            raise RuntimeError(f"{method} {path}: {answer.status} {body}")
        self._cookie = (answer.getheader("Set-Cookie") or self._cookie).partition(";")[0]
        return Answer(seconds, body, answer.getheader("Location") or "")

    def work(self, rounds: int, pause_s: float) -> None:
        """So many times: the queue, the next post, a verdict."""
        for _ in range(rounds):
            # Not in step with the others, as people are not.
            time.sleep(random.uniform(0.5, 1.5) * pause_s)  # noqa: S311 - no secret
            # The server ends a connection that is silent for some seconds; a browser opens another.
            self._connection.close()
            queue = self.ask("GET", "/")
            self.took["queue"].append(queue.seconds)
            key = _field(queue.body, "form_key")
            taken = self.ask("POST", "/next", {"form_key": key})
            page = self.ask("GET", taken.location)
            self.took["next post"].append(taken.seconds + page.seconds)
            flag_id = _field(page.body.partition('class="verdict"')[2], "id")
            form = {"form_key": key, "id": flag_id, "kind": "verdict", "verdict": "human", "before": "0"}
            self.took["verdict"].append(self.ask("POST", "/act", form).seconds)


def _field(html: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    if found is None:
        raise RuntimeError(f"no {name} in {html}")
    return found[1]


def _fill(servers: str, count: int) -> None:
    with closing(KafkaProducer(bootstrap_servers=servers, linger_ms=50)) as producer:
        for number in range(count):
            post = {"id": f"p{number}", "text": f"text {number}"}
            producer.send("posts", value=msgspec.json.encode(post), partition=0)
            action: Any = ("label", "review", "limit")[number % 3]
            score = (number * 7_919 % 10_000) / 10_000
            one = flag(number, action=action, score=score, author_id=f"a{number % 5_000}")
            producer.send("flags", value=msgspec.json.encode(one))
        producer.flush()


def main() -> None:
    """Fill, serve, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flags", type=int, default=100_000)
    parser.add_argument("--reviewers", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--pause", type=float, default=2.0, help="Mean seconds that somebody reads.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, EmbeddedKafka(Path(folder) / "kafka", keep=False) as kafka:
        environ = {
            "FLAGSTAFF_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "FLAGSTAFF_DATA_DIR": folder,
            "FLAGSTAFF_LOG__LEVEL": "error",
        }
        settings = load_settings(None, environ)
        configure_logs(settings.log)
        create_topics(settings, partitions=1, replication=1)
        _fill(kafka.bootstrap_servers, given.flags)
        begun = time.perf_counter()
        with opened(settings, lambda *_: None) as console:
            print(f"view of {given.flags} flags built in {time.perf_counter() - begun:.1f} s")
            links = Links()
            sessions = Sessions(console.database, longest_ms=DAY_MS, idle_ms=DAY_MS)
            app = Web(console, links, sessions).app()
            _measure(app, links, given)


def _measure(app: Any, links: Links, given: argparse.Namespace) -> None:
    ready: list[str] = []
    serving = threading.Thread(
        target=serve, args=(app, "127.0.0.1", 0), kwargs={"ready": ready.append}, daemon=True
    )
    serving.start()
    while not ready:
        time.sleep(0.1)
    address = ready[0].removeprefix("http://")
    people = [Reviewer(address, links.make(f"r{number}", "reviewer")) for number in range(given.reviewers)]
    threads = [threading.Thread(target=one.work, args=(given.rounds, given.pause)) for one in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for what in ("queue", "next post", "verdict"):
        took = sorted(second for one in people for second in one.took[what])
        if len(took) != given.reviewers * given.rounds:
            raise RuntimeError(f"{what}: {len(took)} answers of {given.reviewers * given.rounds}")
        cuts = statistics.quantiles(took, n=20)
        middle, late = 1000 * statistics.median(took), 1000 * cuts[-1]
        print(f"{what}: median {middle:.0f} ms, p95 {late:.0f} ms, {len(took)} asked")


if __name__ == "__main__":
    main()
