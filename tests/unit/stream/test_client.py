from __future__ import annotations

import pytest

from worker.errors import SettingsError
from worker.settings import KafkaSettings
from worker.stream.client import client_options, consumer_options, producer_options


def test_no_broker_is_one_line_that_names_the_setting() -> None:
    with pytest.raises(SettingsError, match="FLAGSTAFF_KAFKA__BOOTSTRAP_SERVERS"):
        client_options(KafkaSettings())


def test_connection_options_reach_every_client_as_the_type_it_wants() -> None:
    settings = KafkaSettings(
        bootstrap_servers="a:1, b:2",
        client={
            "security_protocol": "SASL_SSL",
            "ssl_check_hostname": "false",
            "connections_max_idle_ms": "60000",
        },
    )
    for options in (client_options(settings), consumer_options(settings), producer_options(settings, "t")):
        assert options["bootstrap_servers"] == ["a:1", "b:2"]
        assert options["security_protocol"] == "SASL_SSL"
        assert options["ssl_check_hostname"] is False
        assert options["connections_max_idle_ms"] == 60_000


def test_an_option_of_one_client_does_not_reach_the_other() -> None:
    settings = KafkaSettings(bootstrap_servers="a:1", client={"fetch_min_bytes": "10", "linger_ms": "3"})
    assert consumer_options(settings)["fetch_min_bytes"] == 10
    assert "linger_ms" not in consumer_options(settings)
    assert producer_options(settings, "t")["linger_ms"] == 3
    assert "fetch_min_bytes" not in producer_options(settings, "t")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("sasl_mechanisms", "PLAIN", "is no option"),
        ("isolation_level", "read_uncommitted", "is set by the worker itself"),
        ("auto_offset_reset", "latest", "is set by the worker itself"),
        ("max_block_ms", "1", "is set by the worker itself"),
        ("ssl_check_hostname", "perhaps", "true or false"),
        ("linger_ms", "soon", "whole number"),
    ],
)
def test_what_cannot_be_passed_on_is_refused_by_name(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError, match=rf"kafka\.client\.{name}.*{message}"):
        producer_options(KafkaSettings(bootstrap_servers="a:1", client={name: value}), "t")


def test_the_guarantees_are_set() -> None:
    settings = KafkaSettings(bootstrap_servers="a:1")
    assert consumer_options(settings)["isolation_level"] == "read_committed"
    assert consumer_options(settings)["enable_auto_commit"] is False
    assert producer_options(settings, "t")["enable_idempotence"] is True


def test_a_rebalance_is_learnt_of_within_a_second_or_a_third_of_the_session() -> None:
    assert consumer_options(KafkaSettings(bootstrap_servers="a:1"))["heartbeat_interval_ms"] == 1_000
    short = KafkaSettings(bootstrap_servers="a:1", session_timeout_ms=600)
    assert consumer_options(short)["heartbeat_interval_ms"] == 200
    own = KafkaSettings(bootstrap_servers="a:1", client={"heartbeat_interval_ms": "5000"})
    assert consumer_options(own)["heartbeat_interval_ms"] == 5_000


def test_a_heartbeat_that_comes_after_the_session_s_end_is_refused() -> None:
    settings = KafkaSettings(
        bootstrap_servers="a:1", session_timeout_ms=6_000, client={"heartbeat_interval_ms": "6000"}
    )
    with pytest.raises(
        SettingsError, match=r"HEARTBEAT_INTERVAL_MS.*6000.*less than kafka.session_timeout_ms"
    ):
        consumer_options(settings)


def test_a_transaction_that_follows_another_waits_no_longer_than_java_s_would() -> None:
    settings = KafkaSettings(bootstrap_servers="a:1")
    assert producer_options(settings, "t")["retry_backoff_ms"] == 20
    own = KafkaSettings(bootstrap_servers="a:1", client={"retry_backoff_ms": "100"})
    assert producer_options(own, "t")["retry_backoff_ms"] == 100
