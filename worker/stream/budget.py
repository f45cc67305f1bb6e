"""How much may be in flight between poll and commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.metrics import IN_FLIGHT, IN_FLIGHT_BYTES

if TYPE_CHECKING:
    from worker.settings import StreamSettings

# After a pause fetching goes on once a fifth of the budget is free, so that partitions don't flap.
_RESUME_SHARE: Final = 0.8
_FIRST_GUESS_BYTES: Final = 1_000


class Budget:
    """Counts posts and bytes in flight. One thread calls it."""

    def __init__(self, settings: StreamSettings) -> None:
        self._settings = settings
        self.posts = 0
        self.bytes = 0
        self._seen_posts = 1
        self._seen_bytes = _FIRST_GUESS_BYTES
        self._spent = False

    def add(self, posts: int, size: int) -> None:
        """So much came in."""
        self.posts += posts
        self.bytes += size
        self._seen_posts += posts
        self._seen_bytes += size

    def release(self, posts: int, size: int) -> None:
        """So much is committed or dropped."""
        self.posts -= posts
        self.bytes -= size

    def room(self) -> int:
        """How many records may be polled now. Bytes are counted by the mean record so far."""
        share = _RESUME_SHARE if self._spent else 1.0
        free_posts = int(self._settings.in_flight_posts * share) - self.posts
        free_bytes = int(self._settings.in_flight_bytes * share) - self.bytes
        by_bytes = free_bytes * self._seen_posts // self._seen_bytes
        self._spent = free_posts <= 0 or by_bytes <= 0
        IN_FLIGHT.set(self.posts)
        IN_FLIGHT_BYTES.set(self.bytes)
        return 0 if self._spent else min(free_posts, by_bytes, self._settings.poll_records)
