"""What each topic should be like. Nothing is asked of a broker here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.settings import Settings

# Added to a post by its dead letter: four headers, generously.
HEADERS_BYTES: Final = 4_096
# Kafka's own default of `max.message.bytes`: what a posts topic takes that is not there yet.
KAFKA_MESSAGE_BYTES: Final = 1_048_588
FOR_EVER: Final = -1
_DEAD_LETTER_BYTES: Final = 2 * 2**20
_DAY_MS: Final = 86_400_000


class Shape(NamedTuple):
    """What a topic should be like.

    Attributes:
        setting: its key below `topics` in the settings.
        name: its name.
        partitions: how many, at least.
        single: whether one partition is all it may have.
        copies: of each partition, at least.
        configs: the topic's options, as Kafka names and writes them.
    """

    setting: str
    name: str
    partitions: int
    single: bool
    copies: int
    configs: Mapping[str, str]


def shapes(settings: Settings, *, post_bytes: int = KAFKA_MESSAGE_BYTES) -> list[Shape]:
    """Every topic that a part of Flagstaff reads or writes.

    Args:
        settings: names and wishes.
        post_bytes: `max.message.bytes` of the posts topic: a dead letter is a post with headers.
    """
    wanted = settings.topic_shape
    letter_bytes = max(_DEAD_LETTER_BYTES, post_bytes + HEADERS_BYTES)
    # What must not be forgotten has a key for each thing to remember, and is compacted. Its order counts.
    remembered = {"cleanup.policy": "compact"}
    options: dict[str, dict[str, str]] = {
        "posts": _kept(wanted.posts_days),
        "flags": _kept(wanted.flags_days),
        "dead_letters": _kept(wanted.dead_letters_days) | {"max.message.bytes": str(letter_bytes)},
        "decisions": _kept(wanted.decisions_days),
        "appeals": _kept(wanted.appeals_days),
        "holds": remembered,
        "shadow": _kept(wanted.shadow_days),
        "stages": remembered,
    }
    in_sync = wanted.min_in_sync if wanted.min_in_sync is not None else max(1, wanted.replication - 1)
    # With fewer copies in sync, or a leader that lacks records, what is committed could be lost.
    safe = {"min.insync.replicas": str(in_sync), "unclean.leader.election.enable": "false"}
    few = {"decisions", "appeals", "holds", "stages"}
    return [
        Shape(
            setting,
            getattr(settings.topics, setting),
            partitions=1 if setting in few else wanted.partitions,
            single=own is remembered,
            copies=wanted.replication,
            configs=own | safe,
        )
        for setting, own in options.items()
    ]


def _kept(days: float) -> dict[str, str]:
    kept_ms = int(days * _DAY_MS) if days else FOR_EVER
    return {"cleanup.policy": "delete", "retention.ms": str(kept_ms)}
