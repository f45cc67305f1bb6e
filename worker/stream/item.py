"""One record on its way through the worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kafka import TopicPartition

    from worker.candidate import Candidate
    from worker.stream.dead_letters import Stage
    from worker.stream.decider import Decider
    from worker.stream.outbox import Outgoing


class Item:
    """A record, and what has become of it so far.

    Attributes:
        record: the consumed record.
        partition: where it was read.
        tenure: the tenure it was read under; work of an ended one is dropped.
        decider: what prepared it, and what therefore scores and decides it; None before and afterwards.
        candidate: the post under decision, or None where the record holds none.
        failure: the stage and the reason why it goes to the dead letters, or None.
        action: the decided action, or None.
        outgoing: what is published for it, or None.
        isolate: whether a process died while it had this post: it may be scored in a child process only.
        arrived: when it was ready to be scored, in seconds of the monotonic clock.
        size: bytes of the record's value.
    """

    __slots__ = (
        "action",
        "arrived",
        "candidate",
        "decider",
        "failure",
        "isolate",
        "outgoing",
        "partition",
        "record",
        "size",
        "tenure",
    )

    def __init__(self, record: Any, partition: TopicPartition, tenure: int) -> None:
        self.record = record
        self.partition = partition
        self.tenure = tenure
        self.decider: Decider | None = None
        self.candidate: Candidate | None = None
        self.failure: tuple[Stage, str, str] | None = None
        self.action: str | None = None
        self.outgoing: Outgoing | None = None
        self.isolate = False
        self.arrived = 0.0
        self.size = len(record.value) if record.value is not None else 0

    @property
    def tokens(self) -> int:
        """Tokens that the model has yet to see for it."""
        candidate = self.candidate
        if candidate is None or candidate.encoded is None or candidate.logit is not None:
            return 0
        return candidate.tokens
