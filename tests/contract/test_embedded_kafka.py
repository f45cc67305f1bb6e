"""The embedded Kafka: what clients see of its starts, restarts, faults and ports."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from tests.support.topics import administrator, create_topic
from tests.support.waiting import PATIENCE_S
from worker.embedded import EmbeddedKafka
from worker.embedded.ports import free_ports
from worker.errors import EmbeddedError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.topics import TopicFactory


def _send(servers: str, topic: str, value: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=servers, acks="all")
    try:
        producer.send(topic, value).get(PATIENCE_S)
    finally:
        producer.close()


def _values(servers: str, topic: str) -> list[bytes]:
    consumer = KafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest")
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        end = consumer.end_offsets([partition])[partition]
        values: list[bytes] = []
        while consumer.position(partition) < end:
            for records in consumer.poll(1_000).values():
                values += [record.value for record in records]
        return values
    finally:
        consumer.close()


def test_a_record_goes_through_each_broker(broker: str, topic: TopicFactory) -> None:
    name = topic(servers=broker)
    _send(broker, name, b"post")
    assert _values(broker, name) == [b"post"]


def test_topics_are_not_made_by_mistake(kafka: str) -> None:
    with administrator(kafka) as admin:
        assert admin.describe_topics(["mistyped"])[0]["error_code"] == 3  # unknown topic
        assert "mistyped" not in admin.list_topics()


def test_data_and_port_outlive_a_stop_also_in_an_awkward_folder(tmp_path: Path) -> None:
    kafka = EmbeddedKafka(tmp_path / "a b,ü=1")
    with kafka:
        before = kafka.bootstrap_servers
        create_topic(before, "kept")
        _send(before, "kept", b"post")
    with kafka:
        assert kafka.bootstrap_servers == before
        assert _values(before, "kept") == [b"post"]
    with pytest.raises(SettingsError, match="holds 1 brokers, not 3"):
        EmbeddedKafka(kafka.folder, brokers=3).start()


@pytest.mark.skipif(shutil.which("java") is None, reason="needs a java on the PATH")
def test_the_java_on_the_path_does_too(tmp_path: Path) -> None:
    with EmbeddedKafka(tmp_path, java="system", keep=False) as kafka:
        assert kafka.running() == [0]


def test_three_brokers_survive_a_kill_and_a_stop(tmp_path: Path) -> None:
    with EmbeddedKafka(tmp_path, brokers=3, keep=False) as kafka:
        servers = kafka.bootstrap_servers
        create_topic(servers, "kept")
        with administrator(servers) as admin:
            (described,) = admin.describe_topics(["kept"])
            assert len(described["partitions"][0]["replica_nodes"]) == 3
        _send(servers, "kept", b"all")
        kafka.kill_broker(0)
        assert kafka.running() == [1, 2]
        with pytest.raises(EmbeddedError, match="broker 0 does not run"):
            kafka.check()
        _send(servers, "kept", b"two")
        kafka.start_broker(0)
        kafka.stop_broker(1)
        _send(servers, "kept", b"others")
        kafka.kill_broker(2)
        kafka.start_broker(1, 2)
        kafka.check()
        assert _values(servers, "kept") == [b"all", b"two", b"others"]


def _told_ports(servers: str) -> list[int]:
    client = AdminClient({"bootstrap.servers": servers, "log_level": 0})
    return [broker.port for broker in client.list_topics(timeout=PATIENCE_S).brokers.values()]


def test_clients_are_told_the_ports_of_proxies(tmp_path: Path) -> None:
    ports = free_ports(1)
    with EmbeddedKafka(tmp_path, advertised_ports=ports, keep=False) as kafka:
        assert kafka.bootstrap_servers == f"127.0.0.1:{ports[0]}"
        assert kafka.client_ports != ports
        assert _told_ports(f"127.0.0.1:{kafka.client_ports[0]}") == ports
        assert _told_ports(kafka.internal_servers) == [int(kafka.internal_servers.rpartition(":")[2])]


def free_ports_in_a_row() -> tuple[int, int]:
    while True:
        (first,) = free_ports(1)
        with suppress(OSError), socket.create_server(("127.0.0.1", first + 1)):
            return first, first + 1


def test_chosen_ports_follow_each_other_and_one_in_use_is_named(tmp_path: Path) -> None:
    before, port = free_ports_in_a_row()
    with socket.create_server(("127.0.0.1", port)):
        for first in (port, before):
            kafka = EmbeddedKafka(tmp_path, brokers=2, port=first)
            with pytest.raises(SettingsError, match=f"port {port} on 127.0.0.1 is in use"):
                kafka.start()


def test_a_port_taken_while_a_broker_is_down_is_named(tmp_path: Path) -> None:
    with EmbeddedKafka(tmp_path, keep=False) as kafka:
        kafka.kill_broker(0)
        port = kafka.client_ports[0]
        with (
            socket.create_server(("127.0.0.1", port)),
            pytest.raises(EmbeddedError, match=f"port {port} on 127.0.0.1 is in use"),
        ):
            kafka.start_broker(0)


def test_a_folder_has_one_user(embedded_kafka: EmbeddedKafka) -> None:
    with pytest.raises(EmbeddedError, match=rf"in use.*{os.getpid()}"):
        EmbeddedKafka(embedded_kafka.folder).start()


@pytest.mark.parametrize("brokers", [0, 6])
def test_a_number_of_brokers_that_does_not_fit_is_refused(tmp_path: Path, brokers: int) -> None:
    with pytest.raises(SettingsError, match="give 1 to 5"):
        EmbeddedKafka(tmp_path, brokers=brokers)


@contextmanager
def _small_disk(folder: Path, mib: int) -> Iterator[None]:
    command = ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small disk needs the right to mount one")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)  # noqa: S607 - the system's own


def test_a_disk_with_too_little_room_is_named_at_the_start(tmp_path: Path) -> None:
    with _small_disk(tmp_path, 16), pytest.raises(EmbeddedError, match=r"the disk is full: .*MiB left"):
        EmbeddedKafka(tmp_path).start()


def test_a_disk_that_fills_up_is_named(tmp_path: Path) -> None:
    with _small_disk(tmp_path, 100), EmbeddedKafka(tmp_path, keep=False) as kafka:
        create_topic(kafka.bootstrap_servers, "big")
        producer = Producer(
            {"bootstrap.servers": kafka.bootstrap_servers, "message.timeout.ms": 5_000, "log_level": 0}
        )
        for _ in range(130):
            producer.produce("big", os.urandom(900_000))
        producer.flush(30)
        with pytest.raises(EmbeddedError, match="the disk is full"):
            kafka.check()
