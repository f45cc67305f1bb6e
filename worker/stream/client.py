"""Options that the Kafka clients of a worker are made with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

from worker.errors import SettingsError
from worker.stream.strict_client import StrictClient

if TYPE_CHECKING:
    from worker.settings import KafkaSettings

_CONSUMER: Final[dict[str, Any]] = KafkaConsumer.DEFAULT_CONFIG
_PRODUCER: Final[dict[str, Any]] = KafkaProducer.DEFAULT_CONFIG
_COMMON: Final = _CONSUMER.keys() & _PRODUCER.keys() & KafkaAdminClient.DEFAULT_CONFIG.keys()
_KNOWN: Final[dict[str, Any]] = {**_PRODUCER, **_CONSUMER}

# What the guarantees rest on, or what has a setting of its own.
_OURS: Final = frozenset(
    {
        "acks", "auto_offset_reset", "bootstrap_servers", "client_id", "enable_auto_commit",
        "enable_idempotence", "group_id", "group_instance_id", "isolation_level", "kafka_client",
        "max_block_ms", "max_poll_interval_ms", "metrics_enabled", "request_timeout_ms",
        "session_timeout_ms", "transaction_timeout_ms", "transactional_id",
    }
)  # fmt: skip
# A partition is only fetched again once what came of it is read, so a fetch has to last a while.
_FETCH_BYTES: Final = 4 * 2**20
# A transaction flushes at its end. Until then full batches are worth waiting for: each one wakes a thread.
_BATCH_BYTES: Final = 256 * 2**10
_LINGER_MS: Final = 20
# A transaction that follows right after another may be told to come back, as the last one's markers are still
# being written: kafka-python then sleeps for so long, by default 100 ms. Java's producer takes 20 ms there.
_RETRY_MS: Final = 20
# A dead letter is as large as the largest post, and four headers more.
_REQUEST_BYTES: Final = 2 * 2**20
# A member learns of a rebalance with its next heartbeat, and a cooperative one takes two rounds: with Kafka's
# usual 3 s partitions that move wait for up to 6 s.
_HEARTBEAT_MS: Final = 1_000
_TRUE, _FALSE = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off"})


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """What any client needs to connect: for an admin client, or a reader outside the group.

    Raises:
        SettingsError: no broker is named, or `kafka.client` names an unknown or reserved option.
    """
    return _options(settings, _COMMON)


def consumer_options(settings: KafkaSettings) -> dict[str, Any]:
    """What the consumer of the posts topic is made with.

    `read_committed` does two things: posts of aborted transactions are passed over, and committed offsets
    are only read once no transaction over them is open (KIP-447), without which a partition that moves
    while its old owner commits would be decided twice.

    Raises:
        SettingsError: as `client_options` says, or a member would be given up between two heartbeats.
    """
    ours = {
        "max_partition_fetch_bytes": _FETCH_BYTES,
        "heartbeat_interval_ms": min(_HEARTBEAT_MS, settings.session_timeout_ms // 3),
    }
    options = ours | _options(settings, _CONSUMER.keys())
    if options["heartbeat_interval_ms"] >= settings.session_timeout_ms:
        raise SettingsError(
            "settings: kafka.client.heartbeat_interval_ms (FLAGSTAFF_KAFKA__CLIENT__HEARTBEAT_INTERVAL_MS) "
            f"is {options['heartbeat_interval_ms']}: it must be less than kafka.session_timeout_ms, which "
            f"is {settings.session_timeout_ms}"
        )
    return options | {
        "enable_auto_commit": False,
        "isolation_level": "read_committed",
        "auto_offset_reset": settings.auto_offset_reset,
        "group_id": settings.group_id,
        "session_timeout_ms": settings.session_timeout_ms,
        "max_poll_interval_ms": settings.max_poll_interval_ms,
        "request_timeout_ms": settings.request_timeout_ms,
        "metrics_enabled": False,
    }


def producer_options(settings: KafkaSettings, transactional_id: str) -> dict[str, Any]:
    """What a transactional producer is made with."""
    ours = {
        "batch_size": _BATCH_BYTES,
        "linger_ms": _LINGER_MS,
        "max_request_size": _REQUEST_BYTES,
        "retry_backoff_ms": _RETRY_MS,
    }
    return (
        ours
        | _options(settings, _PRODUCER.keys())
        | {
            "acks": "all",
            "enable_idempotence": True,
            "kafka_client": StrictClient,
            "transactional_id": transactional_id,
            "transaction_timeout_ms": settings.transaction_timeout_ms,
            "request_timeout_ms": settings.request_timeout_ms,
            "max_block_ms": settings.request_timeout_ms * 2,
            "metrics_enabled": False,
        }
    )


def _options(settings: KafkaSettings, wanted: Any) -> dict[str, Any]:
    servers = [server.strip() for server in settings.bootstrap_servers.split(",") if server.strip()]
    if not servers:
        raise SettingsError(
            "settings: no broker named; set FLAGSTAFF_KAFKA__BOOTSTRAP_SERVERS to host:port, or --embedded"
        )
    options: dict[str, Any] = {"bootstrap_servers": servers, "client_id": "flagstaff"}
    # A broker that comes back is found again within seconds, not after the client's default of 30.
    options["reconnect_backoff_max_ms"] = 1_000
    for name, value in settings.client.items():
        if name in _OURS or name not in _KNOWN:
            why = "is set by the worker itself" if name in _OURS else "is no option of the Kafka client"
            raise SettingsError(
                f"settings: kafka.client.{name} (FLAGSTAFF_KAFKA__CLIENT__{name.upper()}) {why}"
            )
        if name in wanted:
            options[name] = _coerced(name, value)
    return options


def _coerced(name: str, value: Any) -> Any:
    """Environment variables are text; the client wants the type of its own default."""
    default = _KNOWN[name]
    if not isinstance(value, str):
        return value
    if isinstance(default, bool):
        if value.lower() in _TRUE | _FALSE:
            return value.lower() in _TRUE
        raise SettingsError(f"settings: kafka.client.{name} must be true or false, not {value!r}")
    if isinstance(default, int):
        try:
            return int(value)
        except ValueError:
            raise SettingsError(
                f"settings: kafka.client.{name} must be a whole number, not {value!r}"
            ) from None
    return value
