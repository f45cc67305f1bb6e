"""What stands in a partition's log files: which records belong to transactions that were aborted.

Read from the broker's disk, so that it does not rest on the broker's own filter for `read_committed`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from kafka.record.memory_records import MemoryRecords

if TYPE_CHECKING:
    from pathlib import Path


def aborted(folder: Path, topic: str, partition: int) -> set[int]:
    """Offsets of a partition's records whose transaction was aborted; `folder` holds the brokers' data."""
    found: set[int] = set()
    for copy in folder.rglob(f"{topic}-{partition}"):
        open_: dict[int, set[int]] = defaultdict(set)
        for segment in sorted(copy.glob("*.log")):
            records = MemoryRecords(segment.read_bytes())
            while (batch := records.next_batch()) is not None:
                if batch.is_control_batch:
                    offsets = open_.pop(batch.producer_id, set())
                    if next(iter(batch)).abort:
                        found |= offsets
                elif batch.is_transactional:
                    open_[batch.producer_id].update(range(batch.base_offset, batch.last_offset + 1))
    return found
