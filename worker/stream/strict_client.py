"""A network client that never repeats a publishing request whose fate it does not know.

kafka-python repeats Produce and transaction requests after a disconnect or a time-out, within the same
producer epoch. With the protocol from before KIP-890 a delayed original can then arrive inside a later
transaction (Jepsen, Bufstream 0.1.0, 2024; KAFKA-14053). Here such a failure becomes an error that the
producer can't recover from; the outbox closes it and goes on with a new epoch, which fences the original.
"""

from __future__ import annotations

from typing import Any, Final

from kafka.errors import KafkaError
from kafka.future import Future
from kafka.net.compat import KafkaNetClient
from kafka.protocol.producer import (
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    EndTxnRequest,
    InitProducerIdRequest,
    ProduceRequest,
    TxnOffsetCommitRequest,
)

_PUBLISHING: Final = (
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    EndTxnRequest,
    InitProducerIdRequest,
    ProduceRequest,
    TxnOffsetCommitRequest,
)


class UnknownOutcomeError(KafkaError):  # type: ignore[misc]  # kafka-python is untyped
    """A request was sent and no answer came: it may have taken effect, or may yet."""


class StrictClient(KafkaNetClient):  # type: ignore[misc]  # kafka-python is untyped
    """kafka-python's client, with every unanswered publishing request made final."""

    def send(self, node_id: Any, request: Any, **options: Any) -> Future:
        """Sends a request; its future fails with `UnknownOutcomeError` where no answer came."""
        answer = super().send(node_id, request, **options)
        if not isinstance(request, _PUBLISHING):
            return answer
        final = Future()
        answer.add_callback(final.success)
        answer.add_errback(lambda error: final.failure(_made_final(request, error)))
        return final


def _made_final(request: Any, error: Exception) -> UnknownOutcomeError:
    return UnknownOutcomeError(f"{type(request).__name__} went unanswered: {error!r}")
