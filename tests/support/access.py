"""A Kafka that asks for rights, and parts of Flagstaff that have just those they are given."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
)

from tests.support.topics import administrator
from worker.embedded import ClientSecurity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.embedded import EmbeddedKafka
    from worker.topics.access import Right

USER: Final = "part"
SECURITY: Final = ClientSecurity(users={USER: "part-pass"}, authorize=True)


def login(kafka: EmbeddedKafka, security: ClientSecurity = SECURITY, user: str = USER) -> dict[str, str]:
    """The settings with which a part connects."""
    own = {
        "KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "KAFKA__CLIENT__SECURITY_PROTOCOL": security.protocol,
        "KAFKA__CLIENT__SASL_MECHANISM": "SCRAM-SHA-512",
        "KAFKA__CLIENT__SASL_PLAIN_USERNAME": user,
        "KAFKA__CLIENT__SASL_PLAIN_PASSWORD": security.users[user],
    }
    return own | ({"KAFKA__CLIENT__SSL_CAFILE": str(kafka.ca_file)} if security.tls else {})


@contextmanager
def granted(kafka: EmbeddedKafka, rights: Sequence[Right], user: str = USER) -> Iterator[None]:
    """The user may do this and nothing else as long as the block lasts."""
    acls = [_acl(one, user) for one in rights]
    with administrator(kafka.internal_servers) as admin:
        assert not admin.create_acls(acls)["failed"]
        try:
            yield
        finally:
            admin.delete_acls(acls)


def _acl(right: Right, user: str) -> ACL:
    kind = ResourceType[right.kind.upper().replace("-", "_")]
    pattern = ACLResourcePatternType.PREFIXED if right.prefixed else ACLResourcePatternType.LITERAL
    return ACL(
        f"User:{user}",
        "*",
        ACLOperation[right.operation],
        ACLPermissionType.ALLOW,
        ResourcePattern(kind, right.name, pattern),
    )
