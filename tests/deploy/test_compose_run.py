"""Our services of deploy/compose.yaml, run one after another with podman: `make image-test`.

Kafka and Valkey are the embedded ones, in place of the images that only a registry has.
"""

from __future__ import annotations

import json
import re
import urllib.request
import uuid
from collections import Counter
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING

import pytest

from tests.deploy.test_compose import FOLDER, OURS
from tests.support.image import missing_tools, run, running
from tests.support.independent_reader import committed_records
from tests.support.running import all_decided
from tests.support.waiting import wait_until
from worker.embedded import EmbeddedKafka
from worker.embedded.ports import free_ports
from worker.settings import PREFIX, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker.embedded import EmbeddedValkey

pytestmark = [
    pytest.mark.image,
    pytest.mark.skipif(bool(missing_tools()), reason=f"not at hand: {', '.join(missing_tools())}"),
]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    """A Kafka of its own: the topics have their usual names here."""
    with EmbeddedKafka(tmp_path / "kafka", keep=False) as kafka:
        yield kafka.bootstrap_servers


def test_topics_posts_worker_and_console_do_their_part(
    image: str, broker: str, embedded_valkey: EmbeddedValkey
) -> None:
    worker_port, console_port = free_ports(2)
    here = {
        "KAFKA__BOOTSTRAP_SERVERS": broker,
        "REDIS__URL": embedded_valkey.url,
        "HTTP__PORT": str(worker_port),
        "REVIEW__PORT": str(console_port),
    }

    def settings(service: str) -> dict[str, str]:
        given = OURS[service]["environment"]
        return {name.removeprefix(PREFIX): value for name, value in given.items()} | here

    made = run(image, *OURS["topics"]["command"], settings=settings("topics"))
    assert made.returncode == 0, made.stderr
    mounts = [f"--volume={FOLDER}/{volume}" for volume in OURS["posts"]["volumes"]]
    sent = run(image, *OURS["posts"]["command"], settings=settings("posts"), more=mounts)
    assert sent.returncode == 0, sent.stderr
    posts = int(re.search(r"(\d+) posts sent", sent.stderr)[1])  # type: ignore[index]  # no match fails the test
    name = f"flagstaff-{uuid.uuid4().hex[:8]}"
    with running(image, f"{name}-worker", settings("worker")) as worker:
        known = load_settings(environ={f"{PREFIX}{key}": value for key, value in settings("worker").items()})
        wait_until(lambda: all_decided(broker, known), what="the demo's posts")
        assert worker.stop() == 0, worker.logs()
    flags = [json.loads(record.value()) for record in committed_records(broker, "flags")]
    letters = committed_records(broker, "dead-letters")
    assert flags
    assert letters
    assert len(flags) + len(letters) <= posts
    assert max(Counter(flag["post_id"] for flag in flags).values()) == 1
    with running(image, f"{name}-console", settings("console"), *OURS["console"]["command"]) as console:
        wait_until(lambda: "(lead)" in console.logs(), what="the links")
        links = re.findall(r"^(http://127\.0\.0\.1:\d+/enter\?key=\S+)", console.logs(), re.MULTILINE)
        assert len(links) == 2
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        page = browser.open(links[0]).read().decode()
        assert any(flag["post_id"] in page for flag in flags)
        assert console.stop() == 0, console.logs()
