"""Posts that wait for the challenger: few, in posts and in bytes, and never waited for."""

from __future__ import annotations

from collections import deque
from threading import Condition
from typing import TYPE_CHECKING, Final, NamedTuple

from worker.metrics import SHADOW_WAITING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.candidate import Candidate
    from worker.detector.calibration import Calibration
    from worker.stream.notes import Place

MOST_BYTES: Final = 16 * 2**20


class Live(NamedTuple):
    """What decided a post: digests, and what makes a probability of its logit."""

    detector: str
    policy: str
    calibration: Calibration


class Waiting(NamedTuple):
    """A post that the live one has decided.

    Attributes:
        candidate: with the live one's score, signals and judgement; it changes no more.
        key: of the post's record.
        place: where the post stands.
        size: bytes of the record's value.
        live: what decided it.
    """

    candidate: Candidate
    key: bytes | None
    place: Place
    size: int
    live: Live


class WaitingPosts:
    """A queue between the pipeline and the shadow's thread. Whoever puts in never waits for room.

    Args:
        most: most posts in it.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._posts: deque[Waiting] = deque()
        self._bytes = 0
        self._changed = Condition()

    def room(self) -> int:
        """How many posts it takes now, but for their bytes."""
        return self._most - len(self._posts)

    def offer(self, posts: Sequence[Waiting]) -> int:
        """Takes as many of them as there is room for, the first ones; returns how many."""
        taken = 0
        with self._changed:
            for one in posts[: self.room()]:
                if self._bytes + one.size > MOST_BYTES:
                    break
                self._posts.append(one)
                self._bytes += one.size
                taken += 1
            SHADOW_WAITING.set(len(self._posts))
            self._changed.notify()
        return taken

    def take(self, most: int, timeout_s: float) -> list[Waiting]:
        """The next posts, oldest first; none where none come in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._posts, timeout_s)
            taken = [self._posts.popleft() for _ in range(min(most, len(self._posts)))]
            self._bytes -= sum(one.size for one in taken)
            SHADOW_WAITING.set(len(self._posts))
        return taken
