from __future__ import annotations

import pytest
from kafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    NotLeaderForPartitionError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailedError,
)

from worker.stream.refusal import in_words


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TopicAuthorizationFailedError({"flags"}), "a right to the topic 'flags' is missing"),
        (TopicAuthorizationFailedError("flags"), "a right to the topic 'flags' is missing"),
        (GroupAuthorizationFailedError("g"), "the right to READ its consumer group"),
        (TransactionalIdAuthorizationFailedError(), "the right to WRITE with a transactional id"),
        (KafkaError("broken", TopicAuthorizationFailedError({"a", "b"})), "the topic 'a', 'b' is missing"),
        (
            KafkaError(
                "Unexpected error in InitProducerIdResponse: [Error 31] ClusterAuthorizationFailedError"
            ),
            "the right to WRITE to a topic is missing",
        ),
    ],
)
def test_a_missing_right_is_told_with_what_it_is_to_and_where_to_look(error: KafkaError, said: str) -> None:
    words = in_words(error)
    assert said in words
    assert "flagstaff topics --acls" in words


def test_a_cause_counts_too() -> None:
    error = KafkaError("the transaction was aborted")
    error.__cause__ = TransactionalIdAuthorizationFailedError()
    assert "transactional id" in in_words(error)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NotLeaderForPartitionError(), "[Error 6] NotLeaderForPartitionError"),
        (KafkaError("line\nafter line"), "KafkaError: line after line"),
        (TimeoutError("no outcome after 45 s"), "TimeoutError: no outcome after 45 s"),
    ],
)
def test_any_other_error_is_one_line(error: Exception, said: str) -> None:
    assert in_words(error) == said
