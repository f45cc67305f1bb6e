"""The worker over TLS with a SCRAM password, with the rights that are stated for it and no more."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.access import granted, login
from tests.support.independent_reader import committed_records
from tests.support.posts import posts
from tests.support.running import all_decided, publish, running, worker_settings
from tests.support.topics import create_topic
from tests.support.waiting import wait_until
from worker.embedded import ClientSecurity, EmbeddedKafka
from worker.topics.access import rights

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_USER: Final = "worker"
_SECURITY: Final = ClientSecurity(tls=True, users={_USER: "worker-pass"}, authorize=True)
_TOPICS: Final = {"posts": "posts", "flags": "flags", "dead_letters": "dead-letters"}


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    with EmbeddedKafka(tmp_path_factory.mktemp("secured"), security=_SECURITY, keep=False) as kafka:
        for name in _TOPICS.values():
            create_topic(kafka.internal_servers, name)
        values = [json.dumps(post).encode() for post in posts(100)]
        publish(kafka.internal_servers, "posts", [*values, b"{not json"])
        yield kafka


def test_with_its_rights_and_no_more_it_decides_every_post(secured: EmbeddedKafka, tmp_path: Path) -> None:
    more = login(secured, _SECURITY, _USER) | {"ACTION_RATE__ENABLED": "false"}
    settings = worker_settings(tmp_path, secured.bootstrap_servers, _TOPICS, **more)
    with granted(secured, rights("worker", settings), _USER), running(settings) as worker:
        wait_until(
            lambda: all_decided(secured.internal_servers, worker.settings), what="the end of the topic"
        )
    flags = committed_records(secured.internal_servers, "flags")
    seen = Counter(json.loads(record.value())["post_id"] for record in flags)
    assert seen == Counter({f"p{number}": 1 for number in range(100)})
    assert [record.value() for record in committed_records(secured.internal_servers, "dead-letters")] == [
        b"{not json"
    ]
