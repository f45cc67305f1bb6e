"""What each part of Flagstaff must be allowed to do in Kafka, and no more. The one place that says so.

A right to READ or WRITE implies DESCRIBE in Kafka, so that is named only where it stands alone. No part needs
a right to the cluster: an idempotent producer may begin where it may WRITE to any topic (KIP-679).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, get_args

from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from worker.settings import Settings

Part = Literal[
    "worker",
    "console",
    "replay",
    "backtest",
    "redrive",
    "warm",
    "send",
    "stage",
    "hold",
    "explain",
    "transparency",
    "topics",
    "topics-apply",
    "check",
]
PARTS: tuple[Part, ...] = get_args(Part)
Kind = Literal["topic", "group", "transactional-id"]
Operation = Literal[
    "READ", "WRITE", "DESCRIBE", "DESCRIBE_CONFIGS", "CREATE", "ALTER", "ALTER_CONFIGS",
]  # fmt: skip


class Right(Struct, frozen=True, kw_only=True):
    """One operation on one resource.

    Attributes:
        kind: of the resource.
        name: the resource's, or how its names begin.
        prefixed: whether `name` is a beginning.
        operation: what is done.
        why: what for.
        without: what the part does where the right is missing; null: it stops, with one line.
    """

    kind: Kind
    name: str
    operation: Operation
    why: str
    prefixed: bool = False
    without: str | None = None


def rights(part: Part, settings: Settings) -> list[Right]:
    """What a part needs with these settings; the rights to one resource stand together."""
    return _NEEDS[part](settings)


def _worker(settings: Settings) -> list[Right]:
    topics = settings.topics
    needed = [
        _topic(topics.posts, "READ", "posts in, and their offsets in a transaction"),
        _topic(topics.flags, "WRITE", "flags out"),
        _topic(topics.dead_letters, "WRITE", "records that can't be decided"),
        Right(kind="group", name=settings.kafka.group_id, operation="READ", why="its partitions and offsets"),
        # Host and number follow, so this covers the other parts' ids too, unless their prefix is another.
        _transactional(settings, "", "flags, dead letters and offsets together", prefixed=True),
    ]
    if settings.action_rate.enabled:
        alone = "keeps to the holds of its own process alone, and says so"
        needed += [
            _topic(topics.holds, "READ", "what other workers and people hold", without=alone),
            _topic(topics.holds, "WRITE", "a breaker that tripped", without=alone),
        ]
    if settings.stage.named:
        needed += [
            _topic(topics.stages, "READ", "the stage in force"),
            _topic(
                topics.stages,
                "WRITE",
                "a challenger that is new",
                without="the challenger stays off, and it says so",
            ),
            _topic(
                topics.shadow,
                "WRITE",
                "what the challenger would have decided",
                without="the challenger's decisions are lost, and it says so",
            ),
        ]
    return needed


def _check(settings: Settings) -> list[Right]:
    topics = settings.topics
    looked_at = [topics.dead_letters, topics.posts]
    if settings.action_rate.enabled:
        looked_at.append(topics.holds)
    if settings.stage.named:
        looked_at.append(topics.stages)
    warns = "warns"
    return [
        # A worker without a challenger's right to write goes on, but `check` is asked whether all is well.
        *(
            replace(one, without=warns if one.without and one.name != topics.stages else None)
            for one in _worker(settings)
        ),
        *(_topic(name, "DESCRIBE", "whether it is there", without=warns) for name in settings.staff_topics),
        *(_topic(name, "DESCRIBE_CONFIGS", "sizes and compaction", without=warns) for name in looked_at),
    ]


def _console(settings: Settings) -> list[Right]:
    topics = settings.topics
    return [
        _topic(topics.flags, "READ", "what is to be decided"),
        _topic(topics.decisions, "READ", "what was decided"),
        _topic(topics.decisions, "WRITE", "the staff's decisions"),
        _topic(topics.appeals, "READ", "authors' appeals"),
        _topic(topics.posts, "READ", "a flag's text", without="shows flags without their posts' texts"),
        _transactional(settings, "review-", "decisions, each exactly once", prefixed=True),
    ]


def _replay(settings: Settings) -> list[Right]:
    return [
        _topic(settings.topics.posts, "READ", "the posts of the range"),
        _topic(settings.topics.flags, "READ", "what was published of them"),
        _topic(settings.topics.dead_letters, "READ", "what could not be decided"),
    ]


def _backtest(settings: Settings) -> list[Right]:
    return [*_replay(settings), _topic(settings.topics.decisions, "READ", "what the staff said of the flags")]


def _redrive(settings: Settings) -> list[Right]:
    topics = settings.topics
    return [
        _topic(topics.dead_letters, "READ", "the letters"),
        _topic(topics.dead_letters, "WRITE", "a marker for each letter that was sent back"),
        _topic(topics.posts, "WRITE", "letters go back"),
        _transactional(settings, "redrive", "letter and marker together"),
    ]


def _warm(settings: Settings) -> list[Right]:
    return [_topic(settings.topics.posts, "READ", "the posts that signals look back on")]


def _send(settings: Settings) -> list[Right]:
    return [_topic(settings.topics.posts, "WRITE", "posts in")]


def _stage(settings: Settings) -> list[Right]:
    topics = settings.topics
    return [
        _topic(topics.stages, "READ", "the stage in force"),
        _topic(topics.stages, "WRITE", "steps"),
        _topic(topics.shadow, "READ", "what the challenger would have decided"),
        _topic(topics.decisions, "READ", "what the staff decided"),
        _topic(topics.flags, "READ", "whose flags they decided on, in a share of the authors"),
        _transactional(settings, f"stage-{settings.kafka.group_id}", "one step at a time"),
    ]


def _hold(settings: Settings) -> list[Right]:
    return [
        _topic(settings.topics.holds, "READ", "what is held"),
        _topic(settings.topics.holds, "WRITE", "lifting it"),
    ]


def _explain(settings: Settings) -> list[Right]:
    return [_topic(settings.topics.flags, "READ", "the flag of an id; not for one in a file")]


def _transparency(settings: Settings) -> list[Right]:
    return [*_backtest(settings), _topic(settings.topics.appeals, "READ", "authors' appeals")]


def _topics(settings: Settings) -> list[Right]:
    whys: dict[Operation, str] = {
        "DESCRIBE": "whether it is there, and its partitions",
        "DESCRIBE_CONFIGS": "its options",
    }
    return _of_every_topic(settings, whys)


def _topics_apply(settings: Settings) -> list[Right]:
    # To ALTER implies to DESCRIBE.
    whys: dict[Operation, str] = {
        "CREATE": "where it is missing",
        "ALTER": "more partitions",
        "ALTER_CONFIGS": "options",
    }
    return _of_every_topic(settings, whys)


def _of_every_topic(settings: Settings, whys: Mapping[Operation, str]) -> list[Right]:
    names = [getattr(settings.topics, setting) for setting in settings.topics.__struct_fields__]
    return [_topic(name, operation, why) for name in names for operation, why in whys.items()]


def _topic(name: str, operation: Operation, why: str, *, without: str | None = None) -> Right:
    return Right(kind="topic", name=name, operation=operation, why=why, without=without)


def _transactional(settings: Settings, rest: str, why: str, *, prefixed: bool = False) -> Right:
    return Right(
        kind="transactional-id",
        name=f"{settings.kafka.transactional_id_prefix}-{rest}",
        operation="WRITE",
        why=why,
        prefixed=prefixed,
    )


_NEEDS: Final[Mapping[Part, Callable[[Settings], list[Right]]]] = {
    "worker": _worker,
    "console": _console,
    "replay": _replay,
    "backtest": _backtest,
    "redrive": _redrive,
    "warm": _warm,
    "send": _send,
    "stage": _stage,
    "hold": _hold,
    "explain": _explain,
    "transparency": _transparency,
    "topics": _topics,
    "topics-apply": _topics_apply,
    "check": _check,
}
