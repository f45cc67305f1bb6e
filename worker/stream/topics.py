"""Creates the topics that a worker needs, where they do not exist yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kafka import KafkaAdminClient
from kafka.errors import TopicAlreadyExistsError

from worker.stream.client import client_options

if TYPE_CHECKING:
    from worker.settings import Settings

# A dead letter is its record and four headers: its topic has to take what the posts topic takes, and more.
_DEAD_LETTER_BYTES: Final = 2 * 2**20


def create_topics(settings: Settings, *, partitions: int, replication: int) -> list[str]:
    """Creates the topics that the settings need; returns the names of those that were missing.

    Raises:
        KafkaError: no broker answers, or it refuses.
    """
    topics = settings.topics
    plain: dict[str, Any] = {"num_partitions": partitions, "replication_factor": replication}
    wanted = {
        topics.posts: plain,
        topics.flags: plain,
        topics.dead_letters: plain | {"configs": {"max.message.bytes": str(_DEAD_LETTER_BYTES)}},
        topics.decisions: plain,
        topics.appeals: plain,
        # A hold stands until it is lifted, however long that takes.
        topics.holds: plain | {"num_partitions": 1, "configs": {"cleanup.policy": "compact"}},
    }
    if settings.stage.named:
        wanted[topics.shadow] = plain
        wanted[topics.stages] = plain | {"num_partitions": 1, "configs": {"cleanup.policy": "compact"}}
    admin = KafkaAdminClient(**client_options(settings.kafka))
    try:
        return [name for name, options in wanted.items() if _created(admin, name, options)]
    finally:
        admin.close()


def _created(admin: Any, name: str, options: dict[str, Any]) -> bool:
    try:
        admin.create_topics({name: options}, wait_for_metadata=True)
    except TopicAlreadyExistsError:
        return False
    return True
