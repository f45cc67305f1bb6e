"""The proxy itself: what it lets through, and that its faults do what they say."""

from __future__ import annotations

import socket
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaError

from tests.faults.fault import Fault, Moment
from tests.faults.places import Places
from tests.faults.proxy import KafkaProxy
from tests.faults.segments import aborted
from tests.faults.wire import Api
from tests.support.independent_reader import LeftOpenError, committed_records
from tests.support.topics import create_topic, unique_name
from tests.support.waiting import PATIENCE_S
from worker.stream.strict_client import StrictClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.proxied import ProxiedKafka


@contextmanager
def producer_of(servers: str, name: str) -> Iterator[Any]:
    producer = KafkaProducer(
        bootstrap_servers=servers,
        transactional_id=name,
        transaction_timeout_ms=10_000,
        request_timeout_ms=3_000,
        max_block_ms=20_000,
        metrics_enabled=False,
        kafka_client=StrictClient,
    )
    try:
        producer.init_transactions()
        yield producer
    finally:
        producer.close(timeout=0)


@pytest.fixture
def topic(proxied: ProxiedKafka) -> str:
    name = unique_name("proxied")
    create_topic(proxied.direct, name)
    return name


def values(proxied: ProxiedKafka, topic: str) -> list[bytes]:
    return [record.value() for record in committed_records(proxied.direct, topic)]


def begin(producer: Any, topic: str, value: bytes) -> None:
    producer.begin_transaction()
    producer.send(topic, value)
    producer.flush()


def test_lets_transactions_through(proxied: ProxiedKafka, topic: str) -> None:
    with producer_of(proxied.servers, topic) as producer:
        for value in (b"1", b"2"):
            begin(producer, topic, value)
            producer.commit_transaction()
        begin(producer, topic, b"3")
        producer.abort_transaction()
    assert values(proxied, topic) == [b"1", b"2"]
    # Offsets 1 and 3 are the markers of the two commits.
    assert aborted(proxied.folder, topic, 0) == {4}


def test_lets_large_answers_through(proxied: ProxiedKafka, topic: str) -> None:
    with producer_of(proxied.servers, topic) as producer:
        producer.begin_transaction()
        for _ in range(400):
            producer.send(topic, b"x" * 10_000)
        producer.commit_transaction()
    records = committed_records(proxied.servers, topic)
    assert sum(len(record.value()) for record in records) == 4_000_000


def test_held_request_reaches_the_broker_after_its_client_gave_up(proxied: ProxiedKafka, topic: str) -> None:
    with producer_of(proxied.servers, topic) as producer:
        injection = proxied.proxy.inject(Fault(api=Api.END_TXN, action="hold"))
        begin(producer, topic, b"1")
        with pytest.raises(KafkaError):
            producer.commit_transaction()
    with pytest.raises(LeftOpenError):
        committed_records(proxied.direct, topic, patience_s=2)
    places = Places(proxied.direct, topic)
    assert places.open(topic) == [0]
    injection.release()
    assert injection.await_end(PATIENCE_S)
    assert injection.happened() == ["held", "left", "let go", "forwarded", "answered"]
    assert injection.answer == []
    assert values(proxied, topic) == [b"1"]
    assert places.open(topic) == []
    places.close()


@pytest.mark.parametrize("moment", Moment)
def test_held_request_is_let_go_at_its_moment(proxied: ProxiedKafka, topic: str, moment: Moment) -> None:
    with producer_of(proxied.servers, topic) as producer:
        injection = proxied.proxy.inject(Fault(api=Api.END_TXN, action="hold", let_go=moment))
        begin(producer, topic, b"1")
        with pytest.raises(KafkaError):
            producer.commit_transaction()
    with producer_of(proxied.servers, topic) as producer:
        assert injection.await_end(0) == (moment is not Moment.IN_NEXT_TRANSACTION)
        begin(producer, topic, b"2")
        assert injection.await_end(0)
        producer.commit_transaction()
    if moment is Moment.BEFORE_NEW_EPOCH:
        assert injection.answer == []
        assert values(proxied, topic) == [b"1", b"2"]
    else:
        assert injection.answer == ["ProducerFencedError"]
        assert values(proxied, topic) == [b"2"]


def test_request_cut_before_never_reaches_the_broker(proxied: ProxiedKafka, topic: str) -> None:
    with producer_of(proxied.servers, topic) as producer:
        injection = proxied.proxy.inject(Fault(api=Api.END_TXN, action="cut before"))
        begin(producer, topic, b"1")
        with pytest.raises(KafkaError):
            producer.commit_transaction()
    assert injection.happened() == ["cut"]
    with producer_of(proxied.servers, topic):
        assert values(proxied, topic) == []


def test_request_cut_after_took_effect(proxied: ProxiedKafka, topic: str) -> None:
    with producer_of(proxied.servers, topic) as producer:
        injection = proxied.proxy.inject(Fault(api=Api.END_TXN, action="cut after", nth=2))
        begin(producer, topic, b"1")
        producer.commit_transaction()
        begin(producer, topic, b"2")
        with pytest.raises(KafkaError):
            producer.commit_transaction()
    assert injection.happened() == ["forwarded", "answered", "cut"]
    assert values(proxied, topic) == [b"1", b"2"]


def frame(api: int, correlation: int) -> bytes:
    body = struct.pack(">hhihi", api, 0, correlation, -1, 0)
    return struct.pack(">i", len(body)) + body


def test_what_waits_behind_a_held_request_is_dropped_with_its_client() -> None:
    with socket.create_server(("127.0.0.1", 0)) as broker:
        with KafkaProxy() as proxy:
            proxy.forward_to([broker.getsockname()[1]])
            injection = proxy.inject(Fault(api=Api.END_TXN, action="hold"))
            with socket.create_connection(("127.0.0.1", proxy.ports[0])) as client:
                client.sendall(frame(3, 1) + frame(Api.END_TXN, 2) + frame(3, 3))
                link, _ = broker.accept()
                assert injection.await_met(PATIENCE_S)
            assert injection.await_client_gone(PATIENCE_S)
            injection.release()
            received = link.recv(1000)
            while len(received) < len(frame(3, 1) + frame(Api.END_TXN, 2)):
                received += link.recv(1000)
        with link:
            received += link.recv(1000)
    assert received == frame(3, 1) + frame(Api.END_TXN, 2)
