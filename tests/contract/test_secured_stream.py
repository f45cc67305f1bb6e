"""The worker over TLS with a SCRAM password, and with no more rights than it needs."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
)

from tests.support.independent_reader import committed_records
from tests.support.posts import posts
from tests.support.running import Running, all_decided, publish, running, worker_settings
from tests.support.topics import administrator, create_topic
from tests.support.waiting import wait_until
from worker.embedded import ClientSecurity, EmbeddedKafka
from worker.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker.settings import Settings

_SECURITY = ClientSecurity(
    tls=True, users={"worker": "worker-pass", "admin": "admin-pass"}, authorize=True, super_users=("admin",)
)
_TOPICS = {"posts": "posts", "flags": "flags", "dead_letters": "dead-letters"}
_RIGHTS = {
    "read posts": (ResourceType.TOPIC, "posts", ACLOperation.READ),
    "write flags": (ResourceType.TOPIC, "flags", ACLOperation.WRITE),
    "write dead letters": (ResourceType.TOPIC, "dead-letters", ACLOperation.WRITE),
    "use the group": (ResourceType.GROUP, "group-posts", ACLOperation.READ),
    "use the transactional ids": (ResourceType.TRANSACTIONAL_ID, "tx-posts", ACLOperation.WRITE),
}


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    with EmbeddedKafka(tmp_path_factory.mktemp("secured"), security=_SECURITY, keep=False) as kafka:
        for name in _TOPICS.values():
            create_topic(kafka.internal_servers, name)
        values = [json.dumps(post).encode() for post in posts(100)]
        publish(kafka.internal_servers, "posts", [*values, b"{not json"])
        yield kafka


def _acl(name: str) -> ACL:
    kind, resource, operation = _RIGHTS[name]
    pattern = (
        ACLResourcePatternType.PREFIXED
        if kind == ResourceType.TRANSACTIONAL_ID
        else ACLResourcePatternType.LITERAL
    )
    return ACL(
        "User:worker", "*", operation, ACLPermissionType.ALLOW, ResourcePattern(kind, resource, pattern)
    )


def _settings(kafka: EmbeddedKafka, folder: Path, **more: str) -> Settings:
    login = {
        "KAFKA__CLIENT__SECURITY_PROTOCOL": _SECURITY.protocol,
        "KAFKA__CLIENT__SSL_CAFILE": str(kafka.ca_file),
        "KAFKA__CLIENT__SASL_MECHANISM": "SCRAM-SHA-512",
        "KAFKA__CLIENT__SASL_PLAIN_USERNAME": "worker",
        "KAFKA__CLIENT__SASL_PLAIN_PASSWORD": _SECURITY.users["worker"],
    }
    return worker_settings(folder, kafka.bootstrap_servers, _TOPICS, **(login | more))


@pytest.mark.parametrize(
    "missing", ["read posts", "write dead letters", "use the group", "use the transactional ids"]
)
def test_without_one_of_its_rights_the_worker_stops_with_one_line(
    secured: EmbeddedKafka, tmp_path: Path, missing: str
) -> None:
    with administrator(secured.internal_servers) as admin:
        admin.create_acls([_acl(name) for name in _RIGHTS if name != missing])
        try:
            worker = Running(_settings(secured, tmp_path))
            assert worker.ended(60)
        finally:
            admin.delete_acls([_acl(name) for name in _RIGHTS if name != missing])
    assert isinstance(worker.error, BrokerError)
    assert "\n" not in str(worker.error)


def test_with_its_rights_and_no_more_it_decides_every_post(secured: EmbeddedKafka, tmp_path: Path) -> None:
    with administrator(secured.internal_servers) as admin:
        admin.create_acls([_acl(name) for name in _RIGHTS])
    with running(_settings(secured, tmp_path)) as worker:
        wait_until(
            lambda: all_decided(secured.internal_servers, worker.settings), what="the end of the topic"
        )
    flags = committed_records(secured.internal_servers, "flags")
    seen = Counter(json.loads(record.value())["post_id"] for record in flags)
    assert seen == Counter({f"p{number}": 1 for number in range(100)})
    assert [record.value() for record in committed_records(secured.internal_servers, "dead-letters")] == [
        b"{not json"
    ]
