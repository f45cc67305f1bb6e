"""Why the outbox has a client of its own: what kafka-python's does after a disconnect."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient

from tests.faults.fault import Fault
from tests.faults.wire import Api
from tests.support.independent_reader import committed_records
from tests.support.topics import create_topic, unique_name
from tests.support.waiting import PATIENCE_S
from worker.stream.strict_client import StrictClient

if TYPE_CHECKING:
    from tests.faults.proxied import ProxiedKafka


@pytest.mark.parametrize(
    ("client", "committed"),
    [(KafkaNetClient, [b"committed", b"never committed"]), (StrictClient, [])],
    ids=["kafka-python's", "the worker's"],
)
def test_a_late_commit_can_not_end_the_next_transaction(
    proxied: ProxiedKafka, client: Any, committed: list[bytes]
) -> None:
    topic = unique_name("strict")
    create_topic(proxied.direct, topic)
    producer = KafkaProducer(
        bootstrap_servers=proxied.servers,
        transactional_id=topic,
        transaction_timeout_ms=10_000,
        request_timeout_ms=5_000,
        metrics_enabled=False,
        kafka_client=client,
    )
    successor = KafkaProducer(bootstrap_servers=proxied.direct, transactional_id=topic, metrics_enabled=False)
    try:
        producer.init_transactions()
        late = proxied.proxy.inject(Fault(api=Api.END_TXN, action="hold and cut"))
        with suppress(KafkaError):
            # kafka-python's client repeats the commit in the same epoch, and it goes through.
            for value in (b"committed", b"never committed"):
                producer.begin_transaction()
                producer.send(topic, value).get(PATIENCE_S)
                if value == b"committed":
                    producer.commit_transaction()
        if client is StrictClient:
            # What stands for the outbox's next publisher; the late commit comes after it.
            successor.init_transactions()
        late.release()
        assert late.await_end(PATIENCE_S)
        if client is not StrictClient:
            # Ends what the late commit left open, if anything.
            successor.init_transactions()
        assert [record.value() for record in committed_records(proxied.direct, topic)] == committed
    finally:
        with suppress(KafkaError):
            producer.close(timeout=1)
        successor.close(timeout=1)
