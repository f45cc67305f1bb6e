"""What is to be done so that the topics are as they should be. Pure: shapes and findings in, steps out.

Nothing that could lose a record is ever planned: no topic is deleted, no partition taken away, no retention
shortened, no compaction turned into deletion. Such a deviation is said, with the way to mend it by hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from worker.topics.shape import FOR_EVER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from worker.topics.found import Found
    from worker.topics.shape import Shape

Status = Literal["create", "change", "differs", "fine"]

# Options of which more than is wanted is no deviation.
_AT_LEAST: Final = frozenset({"max.message.bytes", "min.insync.replicas"})
_IN_SYNC: Final = "min.insync.replicas"


class Deviation(Struct, frozen=True, kw_only=True):
    """One thing that is not as it should be.

    Attributes:
        what: `partitions`, `replication`, or an option of the topic.
        found: as it is; null where the topic does not exist yet.
        wanted: as it should be.
        by_hand: why `--apply` leaves it and how to mend it; null: `--apply` mends it.
    """

    what: str
    found: str | None
    wanted: str
    by_hand: str | None = None


class TopicPlan(Struct, frozen=True, kw_only=True):
    """What becomes of a topic.

    Attributes:
        name: the topic's.
        setting: its key below `topics` in the settings.
        status: `create`: it does not exist; `change`: all that deviates can be mended; `differs`: something
            must be mended by hand; `fine`.
        deviations: none where it is fine.
    """

    name: str
    setting: str
    status: Status
    deviations: tuple[Deviation, ...]

    @property
    def mendable(self) -> dict[str, str]:
        """What `--apply` sets, by name."""
        return {one.what: one.wanted for one in self.deviations if one.by_hand is None}


def planned(shapes: Sequence[Shape], found: Mapping[str, Found]) -> list[TopicPlan]:
    """A plan for each topic, in the order of the shapes."""
    return [_plan(shape, found.get(shape.name)) for shape in shapes]


def _plan(shape: Shape, found: Found | None) -> TopicPlan:
    if found is None:
        wanted = {"partitions": str(shape.partitions), "replication": str(shape.copies), **shape.configs}
        deviations = [Deviation(what=what, found=None, wanted=value) for what, value in wanted.items()]
        status: Status = "create"
    else:
        deviations = [*_size(shape, found), *_options(shape, found)]
        by_hand = any(one.by_hand is not None for one in deviations)
        status = "differs" if by_hand else "change" if deviations else "fine"
    return TopicPlan(name=shape.name, setting=shape.setting, status=status, deviations=tuple(deviations))


def _size(shape: Shape, found: Found) -> list[Deviation]:
    deviations = []
    if found.partitions < shape.partitions or (shape.single and found.partitions > 1):
        too_many = found.partitions > shape.partitions
        deviations.append(
            Deviation(
                what="partitions",
                found=str(found.partitions),
                wanted=str(shape.partitions),
                by_hand="partitions can't be taken away, and its order counts: make a topic of another name "
                f"with one partition and name it in topics.{shape.setting}"
                if too_many
                else None,
            )
        )
    if found.copies < shape.copies:
        deviations.append(
            Deviation(
                what="replication",
                found=str(found.copies),
                wanted=str(shape.copies),
                by_hand="copies are moved between brokers by kafka-reassign-partitions.sh",
            )
        )
    return deviations


def _options(shape: Shape, found: Found) -> list[Deviation]:
    deviations = []
    for name, stated in shape.configs.items():
        wanted, present = stated, found.configs.get(name, "")
        if name == _IN_SYNC:
            # As many as there are copies, and one broker that is away would stop all writing.
            wanted = str(min(int(stated), max(1, found.copies - 1)))
        if present == wanted or (name in _AT_LEAST and int(present) >= int(wanted)):
            continue
        deviations.append(
            Deviation(what=name, found=present, wanted=wanted, by_hand=_loses(shape, name, present, wanted))
        )
    return deviations


def _loses(shape: Shape, name: str, present: str, wanted: str) -> str | None:
    """Why setting an option could lose records, and what to do instead; None where it can't."""
    command = f"kafka-configs.sh --alter --topic {shape.name} --add-config {name}={wanted}"
    if name == "cleanup.policy" and wanted == "delete":
        return f"records older than the retention would be deleted at once: {command} if you want that"
    if name == "retention.ms" and int(wanted) != FOR_EVER and _longer(present, wanted):
        stated = f"topic_shape.{shape.setting}_days"
        return f"records would be deleted: state the longer time in {stated}, or {command}"
    return None


def _longer(present: str, wanted: str) -> bool:
    return int(present) == FOR_EVER or int(present) > int(wanted)
