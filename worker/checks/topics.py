"""Checks of the topics: there, led, with the rights that a worker needs, and wide enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, for_code

from worker.checks.finding import Finding
from worker.topics.shape import HEADERS_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.settings import Settings

_UNKNOWN: Final = 3
_FORBIDDEN: Final = 29


def check_topics(admin: Any, settings: Settings) -> Iterator[Finding]:
    """Findings on each topic.

    Raises:
        KafkaError: Kafka does not answer.
    """
    topics = settings.topics
    described = {
        topic["name"]: topic
        for topic in admin.describe_topics(
            [
                topics.posts,
                topics.flags,
                topics.dead_letters,
                *settings.staff_topics,
                topics.holds,
                *([topics.shadow, topics.stages] if settings.stage.named else []),
            ]
        )
    }
    yield _posts(described[topics.posts], settings.processes)
    yield _topic(described[topics.flags], "WRITE")
    yield _dead_letters(admin, described[topics.dead_letters], settings)
    for name in settings.staff_topics:
        finding = _topic(described[name], "DESCRIBE")
        yield finding if finding.status == "ok" else finding._replace(status="warn")
    if settings.action_rate.enabled:
        yield _holds(admin, described[topics.holds])
    if settings.stage.named:
        shadow = _topic(described[topics.shadow], "WRITE")
        # Without it the challenger's decisions are lost, and the live ones go on.
        yield shadow if shadow.status == "ok" else shadow._replace(status="warn")
        yield _stages(admin, described[topics.stages])


def _stages(admin: Any, topic: dict[str, Any]) -> Finding:
    finding = _topic(topic, "WRITE")
    if finding.status == "ok":
        finding = _topic(topic, "READ")
    if finding.status == "fail":
        return finding
    if len(topic["partitions"]) > 1:
        several = "has several partitions: the order of its steps is not known; make one with a single one"
        return finding._replace(status="fail", detail=several)
    return _compacted(admin, finding, topic["name"], "old steps are forgotten with age")


def _posts(topic: dict[str, Any], processes: int) -> Finding:
    finding = _topic(topic, "READ")
    partitions = len(topic["partitions"])
    if finding.status == "ok" and partitions < processes:
        idle = f"; fewer than the {processes} processes: the others have nothing to do"
        return finding._replace(status="warn", detail=finding.detail + idle)
    return finding


def _dead_letters(admin: Any, topic: dict[str, Any], settings: Settings) -> Finding:
    finding = _topic(topic, "WRITE")
    if finding.status != "ok":
        return finding
    incoming = _config(admin, settings.topics.posts, "max.message.bytes")
    outgoing = _config(admin, settings.topics.dead_letters, "max.message.bytes")
    if incoming is None or outgoing is None:
        return _unseen(finding, settings.topics.posts if incoming is None else settings.topics.dead_letters)
    if int(outgoing) >= int(incoming) + HEADERS_BYTES:
        return finding
    narrow = (
        f"; max.message.bytes is {outgoing}, too little for the largest post and the headers beside it: "
        f"give it {int(incoming) + HEADERS_BYTES}"
    )
    return finding._replace(status="warn", detail=finding.detail + narrow)


def _holds(admin: Any, topic: dict[str, Any]) -> Finding:
    """The worker does without it, less well."""
    for right in ("READ", "WRITE"):
        finding = _topic(topic, right)
        if finding.status != "ok":
            alone = "; a tripped action-rate breaker then holds in its own process alone"
            return finding._replace(status="warn", detail=finding.detail + alone)
    return _compacted(admin, finding, topic["name"], "a hold is forgotten in time")


def _compacted(admin: Any, finding: Finding, topic: str, otherwise: str) -> Finding:
    policy = _config(admin, topic, "cleanup.policy")
    if policy is None:
        return _unseen(finding, topic)
    if policy != "compact":
        forgets = f"; cleanup.policy is {policy}, not compact: {otherwise}"
        return finding._replace(status="warn", detail=finding.detail + forgets)
    return finding


def _unseen(finding: Finding, topic: str) -> Finding:
    unseen = f"; no right to DESCRIBE_CONFIGS of {topic}: its options were not looked at"
    return finding._replace(status="warn", detail=finding.detail + unseen)


def _topic(topic: dict[str, Any], right: str) -> Finding:
    what = f"topic {topic['name']}"
    if objection := _objection(topic, right):
        return Finding("fail", what, objection)
    partitions = topic["partitions"]
    copies = min(len(part["replica_nodes"]) for part in partitions)
    detail = f"partitions: {len(partitions)}, copies: {copies}"
    behind = sum(len(part["isr_nodes"]) < len(part["replica_nodes"]) for part in partitions)
    if behind:
        return Finding("warn", what, f"{detail}, partitions that lack copies in sync: {behind}")
    return Finding("ok", what, detail)


def _objection(topic: dict[str, Any], right: str) -> str:
    """Why a worker can't use the topic; empty where it can."""
    code, rights = topic["error_code"], topic["authorized_operations"]
    if code == _FORBIDDEN:
        return "no right to DESCRIBE it, or it does not exist"
    if code == _UNKNOWN:
        return "does not exist: create it"
    if code:
        return str(for_code(code).__name__)
    # Old brokers and those without access rights tell none.
    if rights is not None and right not in rights:
        return f"no right to {right} it"
    leaderless = [part["partition_index"] for part in topic["partitions"] if part["leader_id"] < 0]
    return f"no leader for partitions {leaderless}" if leaderless else ""


def _config(admin: Any, topic: str, name: str) -> str | None:
    """What is set for the topic; None where it can't be asked for."""
    try:
        found = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all")
    except KafkaError:
        return None
    value: str | None = found.get("topic", {}).get(topic, {}).get(name, {}).get("value")
    return value
