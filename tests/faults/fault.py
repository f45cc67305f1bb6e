"""What the proxy is to do to one request, and what became of it."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from tests.faults.wire import Api

if TYPE_CHECKING:
    from tests.faults.wire import Request

Action = Literal["hold", "hold and cut", "cut before", "cut after"]
What = Literal["held", "left", "let go", "cut", "forwarded", "answered", "undelivered"]

_BEGINS: Final = frozenset({Api.ADD_PARTITIONS_TO_TXN, Api.ADD_OFFSETS_TO_TXN})


class Moment(Enum):
    """When a held request is let go: always after its client has given it up and come back.

    What the client does at that moment waits in the proxy until the broker has answered the held request.
    """

    BEFORE_NEW_EPOCH = "before the new epoch"
    """The client asks for a new producer epoch, and the broker has not heard of it yet."""
    BEFORE_NEXT_TRANSACTION = "before the next transaction"
    """The broker has given the client a new epoch, and the client has not heard of it yet."""
    IN_NEXT_TRANSACTION = "in the next transaction"
    """The broker has begun the client's next transaction, and the client has not heard of it yet."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault, injected once.

    `hold` keeps the request, and what the client sends behind it on the same connection waits too. Once let
    go it reaches the broker over the connection that it came by, also where the client has gone; what
    waited behind it is dropped then. `hold and cut` closes the client's connection too, so that the client
    sees a disconnect rather than a time-out. `cut before` closes it and drops the request; `cut after` lets
    the request through and closes the connection in place of the answer.

    Attributes:
        api: which request.
        action: what is done.
        nth: which one of those that match, from 1.
        let_go: when a held request is let go; None: only by `Injection.release`.
    """

    api: Api
    action: Action
    nth: int = 1
    let_go: Moment | None = None


class Event(NamedTuple):
    """Something that the proxy did, with the time of `time.monotonic`."""

    at: float
    what: What


@dataclass
class Injection:
    """A fault that waits for its request, or has met it."""

    fault: Fault
    loop: asyncio.AbstractEventLoop
    events: list[Event] = field(default_factory=list)
    answer: list[str] | None = None
    """Names of the errors in the broker's answer, empty: none; None: no answer has come."""

    def __post_init__(self) -> None:
        self._left = self.fault.nth
        self._is_held = False
        self._new_epoch = False
        self._go = asyncio.Event()
        self._over = asyncio.Event()
        self._met = threading.Event()
        self._left_alone = threading.Event()
        self._ended = threading.Event()

    # The proxy's side: called on its loop.

    def wants(self, request: Request) -> bool:
        """Whether this is the request; counts those that match down."""
        if self._left == 0 or request.api != self.fault.api:
            return False
        self._left -= 1
        return self._left == 0

    def is_let_go_by(self, request: Request, stage: Literal["asked", "answered"]) -> bool:
        """Whether this later request is the moment for the held one."""
        if not self._is_held:
            return False
        answered = stage == "answered"
        if request.api is Api.INIT_PRODUCER_ID:
            self._new_epoch = self._new_epoch or answered
            moment = Moment.BEFORE_NEXT_TRANSACTION if answered else Moment.BEFORE_NEW_EPOCH
            return self.fault.let_go is moment
        begins = answered and self._new_epoch and request.api in _BEGINS
        return begins and self.fault.let_go is Moment.IN_NEXT_TRANSACTION

    def note(self, what: What) -> None:
        """Writes an event down."""
        self.events.append(Event(time.monotonic(), what))
        self._met.set()

    def client_left(self) -> None:
        """The client of the held request closed its connection."""
        self.note("left")
        self._left_alone.set()

    def end(self) -> None:
        """Nothing more can come of it."""
        self._over.set()
        self._ended.set()

    async def hold(self) -> None:
        """Returns when the request is let go."""
        self._is_held = True
        self.note("held")
        await self._go.wait()
        self._is_held = False
        self.note("let go")

    async def let_go(self, patience_s: float) -> None:
        """Lets the held request go and returns when it is answered, or patience has run out."""
        self._go.set()
        await asyncio.wait_for(self._over.wait(), patience_s)

    # The test's side: called on any thread.

    def release(self) -> None:
        """Lets the request go now, or as soon as it is held."""
        self.loop.call_soon_threadsafe(self._go.set)

    def await_met(self, timeout_s: float) -> bool:
        """Waits until the request has come; False: it has not."""
        return self._met.wait(timeout_s)

    def await_client_gone(self, timeout_s: float) -> bool:
        """Waits until the client of the held request has closed its connection."""
        return self._left_alone.wait(timeout_s)

    def await_end(self, timeout_s: float) -> bool:
        """Waits until nothing more can come of it: cut, answered, or not deliverable any more."""
        return self._ended.wait(timeout_s)

    def happened(self) -> list[str]:
        """The events in order, without their times."""
        return [event.what for event in self.events]
