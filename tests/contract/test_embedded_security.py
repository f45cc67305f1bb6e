"""The embedded Kafka asks its clients for TLS, passwords and rights where it is told to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType
from kafka.errors import KafkaError, TopicAuthorizationFailedError

from tests.support.topics import administrator, create_topic
from tests.support.waiting import PATIENCE_S
from worker.embedded import ClientSecurity, EmbeddedKafka
from worker.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

SECURITY = ClientSecurity(
    tls=True,
    users={"worker": "worker-pass", "admin": "admin-pass"},
    authorize=True,
    super_users=("admin",),
)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    with EmbeddedKafka(tmp_path_factory.mktemp("secured"), security=SECURITY, keep=False) as kafka:
        yield kafka


def _login(kafka: EmbeddedKafka, user: str, password: str | None = None) -> dict[str, Any]:
    return {
        "bootstrap_servers": kafka.bootstrap_servers,
        "security_protocol": SECURITY.protocol,
        "ssl_cafile": str(kafka.ca_file),
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": user,
        "sasl_plain_password": password or SECURITY.users[user],
    }


def _send(kafka: EmbeddedKafka, user: str, topic: str) -> None:
    producer = KafkaProducer(**_login(kafka, user))
    try:
        producer.send(topic, b"post").get(PATIENCE_S)
    finally:
        producer.close()


def test_a_super_user_goes_through_tls_and_password(secured: EmbeddedKafka) -> None:
    assert SECURITY.protocol == "SASL_SSL"
    create_topic(secured.internal_servers, "through")
    _send(secured, "admin", "through")
    consumer = KafkaConsumer("through", auto_offset_reset="earliest", **_login(secured, "admin"))
    assert next(consumer).value == b"post"
    consumer.close()


def test_a_right_is_needed_until_it_is_granted(secured: EmbeddedKafka) -> None:
    create_topic(secured.internal_servers, "guarded")
    with pytest.raises(TopicAuthorizationFailedError):
        _send(secured, "worker", "guarded")
    with administrator(secured.internal_servers) as admin:
        resource = ResourcePattern(ResourceType.TOPIC, "guarded")
        admin.create_acls([ACL("User:worker", "*", ACLOperation.WRITE, ACLPermissionType.ALLOW, resource)])
    _send(secured, "worker", "guarded")


@pytest.mark.parametrize(
    "wrong",
    [
        {"sasl_plain_password": "guessed"},
        {"ssl_cafile": None},  # an authority that this machine does not know
        {"security_protocol": "PLAINTEXT"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_who_does_not_fit_is_refused(secured: EmbeddedKafka, wrong: dict[str, Any]) -> None:
    with pytest.raises(KafkaError):
        KafkaAdminClient(**(_login(secured, "worker") | wrong), bootstrap_timeout_ms=3_000)


def test_rights_without_users_are_refused() -> None:
    with pytest.raises(SettingsError, match="add users"):
        ClientSecurity(authorize=True)
