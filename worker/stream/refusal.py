"""What a broker's refusal means, in one line for the person who can mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailedError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_WHICH: Final = "`flagstaff topics --acls` tells which rights each part needs"


def in_words(error: BaseException) -> str:
    """An error of the Kafka client; where a right is missing, to what."""
    for one in _chain(error):
        match one:
            case TopicAuthorizationFailedError():
                return f"a right to the topic {_named(one)} is missing; {_WHICH}"
            case GroupAuthorizationFailedError():
                return f"the right to READ its consumer group (kafka.group_id) is missing; {_WHICH}"
            case TransactionalIdAuthorizationFailedError():
                return f"the right to WRITE with a transactional id of its own is missing; {_WHICH}"
            case ClusterAuthorizationFailedError():
                return f"the right to WRITE to a topic is missing; {_WHICH}"
    # kafka-python keeps only the name of what kept an idempotent producer from beginning.
    if ClusterAuthorizationFailedError.__name__ in str(error):
        return in_words(ClusterAuthorizationFailedError())
    # The client's own errors begin with their names.
    said = str(error) if isinstance(error, KafkaError) else f"{type(error).__name__}: {error}"
    return " ".join(said.split())


def _chain(error: BaseException) -> Iterator[BaseException]:
    one: BaseException | None = error
    while one is not None:
        yield one
        wrapped = next((part for part in one.args if isinstance(part, BaseException)), None)
        one = one.__cause__ or wrapped


def _named(error: BaseException) -> str:
    """The resource, which stands in the error as a name or as a set of names."""
    names = error.args[0] if error.args else "?"
    return ", ".join(map(repr, sorted(names))) if isinstance(names, set | frozenset) else repr(names)
