"""Checks of Kafka: reached, recent enough, the topics there, and the rights that a worker needs.

Rights on topics are asked for, not tried out, so nothing is written to one. The right to a transactional id
is tried with an id of its own, and that to the consumer group by joining it, only where nobody else is in it.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Final

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from worker.checks.finding import Finding
from worker.checks.topics import check_topics
from worker.errors import SettingsError
from worker.stream.client import client_options, consumer_options, producer_options
from worker.stream.refusal import in_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.settings import KafkaSettings, Settings

# Offsets go into a transaction together with the consumer group's metadata (KIP-447).
_OLDEST: Final = (2, 5)
_LONGEST_S: Final = 15.0
_LOST: Final = re.compile("Connection (?:lost|failed): (.*)")


def check_brokers(settings: Settings) -> Iterator[Finding]:
    """Findings on Kafka; the first that makes the others pointless is the last."""
    kafka = settings.kafka
    patience_s = min(_LONGEST_S, kafka.request_timeout_ms / 1000)
    reasons = _Reasons()
    try:
        options = client_options(kafka) | {"bootstrap_timeout_ms": int(patience_s * 1000)}
        with reasons:
            admin = KafkaAdminClient(**options)
    except SettingsError as error:
        yield Finding("fail", "brokers", str(error))
        return
    except (KafkaError, OSError, ValueError) as error:
        yield Finding("fail", "brokers", f"{kafka.bootstrap_servers}: {reasons.best() or error}")
        return
    try:
        with reasons:
            yield _cluster(admin)
            posts, *others = check_topics(admin, settings)
            yield from (posts, *others)
            if posts.status != "fail":
                yield _group(admin, settings, patience_s)
            yield _transactional_id(kafka, patience_s)
    except KafkaError as error:
        yield Finding("fail", "brokers", _sentence(error))
    finally:
        admin.close()


def _cluster(admin: Any) -> Finding:
    cluster = admin.describe_cluster()
    versions = [
        admin.get_broker_version_data(broker["broker_id"]).broker_version for broker in cluster["brokers"]
    ]
    oldest = min(versions)
    shown = ".".join(map(str, oldest))
    detail = f"{len(versions)} of Kafka {shown}, cluster {cluster['cluster_id']}"
    if oldest < _OLDEST:
        return Finding("fail", "brokers", f"{detail}; 2.5 or newer is needed")
    return Finding("ok", "brokers", detail)


def _group(admin: Any, settings: Settings, patience_s: float) -> Finding:
    group = settings.kafka.group_id
    what = f"group {group}"
    try:
        # A new cluster makes its offsets topic at the first question.
        found = _retrying(patience_s)(admin.describe_groups, [group])[group]
        rights = found["authorized_operations"]
        if rights is None or not found["members"]:
            _join(settings, patience_s)
        elif "READ" not in rights:
            return Finding("fail", what, "no right to READ it")
    except KafkaError as error:
        return Finding("fail", what, _sentence(error))
    return Finding("ok", what, f"members: {len(found['members'])}")


def _join(settings: Settings, patience_s: float) -> None:
    """Join the group and leave it again, without committing anything."""
    options = consumer_options(settings.kafka)
    consumer = KafkaConsumer(settings.topics.posts, **options)
    try:
        _retrying(patience_s)(_poll_until_assigned, consumer)
    finally:
        consumer.close()


def _poll_until_assigned(consumer: Any) -> None:
    consumer.poll(timeout_ms=500, max_records=1)
    if not consumer.assignment():
        raise KafkaError("no partition was assigned")


def _transactional_id(settings: KafkaSettings, patience_s: float) -> Finding:
    name = f"{settings.transactional_id_prefix}-check"
    what = f"transactional ids {settings.transactional_id_prefix}-*"
    options = producer_options(settings, name) | {"max_block_ms": int(patience_s * 1000)}
    try:
        producer = KafkaProducer(**options)
        try:
            producer.init_transactions()
        finally:
            producer.close(timeout=patience_s)
    except KafkaError as error:
        return Finding("fail", what, _sentence(error))
    return Finding("ok", what, f"{name} was initialised")


def _retrying(patience_s: float) -> Retrying:
    return Retrying(
        stop=stop_after_delay(patience_s),
        wait=wait_fixed(0.2),
        retry=retry_if_exception_type(KafkaError),
        reraise=True,
    )


def _sentence(error: KafkaError) -> str:
    if "InvalidTransactionTimeout" in str(error):
        return "kafka.transaction_timeout_ms is more than the brokers' transaction.max.timeout.ms"
    return in_words(error)


class _Reasons(logging.Handler):
    """What the client logs, kept instead of printed: its exceptions don't say why a broker wasn't reached."""

    def __init__(self) -> None:
        super().__init__()
        self._logger = logging.getLogger("kafka")
        self._seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if found := _LOST.search(record.getMessage()):
            self._seen.append(found[1])

    def best(self) -> str:
        """The last that says more than that a connection ended."""
        telling = [why for why in self._seen if "disconnected" not in why and "timed out" not in why]
        if telling:
            return telling[-1]
        # A broker that refuses a password may hang up before its word is read.
        hint = (
            "the broker hangs up: wrong security_protocol, sasl_mechanism, user or password (kafka.client)?"
        )
        return hint if self._seen else ""

    def __enter__(self) -> None:
        self._propagated = self._logger.propagate
        self._logger.propagate = False
        self._logger.addHandler(self)

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
        self._logger.propagate = self._propagated
