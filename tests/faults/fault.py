"""What the proxy is to do to one request, and what became of it."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from tests.faults.wire import Api, Request

Action = Literal["hold", "hold and cut", "cut before", "cut after"]


class Cue(NamedTuple):
    """A later request of the same client that lets a held one go: when it is asked, or when it is answered."""

    api: Api
    moment: Literal["asked", "answered"]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault, injected once.

    `hold` keeps the request; whatever the client sent behind it on the same connection waits too. Once let
    go it reaches the broker, over the connection that it came by, even where the client has long gone.
    `hold and cut` closes the client's connection at once. `cut before` closes it and drops the request;
    `cut after` lets the request through and closes the connection in place of the answer.

    Attributes:
        api: which request.
        action: what is done.
        client_id: whose request; None: anybody's.
        nth: which one of those that match, from 1.
        until: lets a held request go; the cue itself waits until the broker has answered the held one.
    """

    api: Api
    action: Action
    client_id: str | None = None
    nth: int = 1
    until: Cue | None = None


class Event(NamedTuple):
    """Something that the proxy did, with the time of `time.monotonic`."""

    at: float
    what: Literal["held", "let go", "cut", "forwarded", "answered", "undelivered"]


@dataclass
class Injection:
    """A fault that waits for its request, or has met it."""

    fault: Fault
    loop: asyncio.AbstractEventLoop
    events: list[Event] = field(default_factory=list)
    answer: list[str] | None = None
    """Names of the errors in the broker's answer; None: none has come."""

    def __post_init__(self) -> None:
        self._left = self.fault.nth
        self._go = asyncio.Event()
        self._over = asyncio.Event()
        self._met = threading.Event()
        self._ended = threading.Event()

    def wants(self, request: Request) -> bool:
        """Whether this is the request; counts those that match down."""
        if self._left == 0 or request.api != self.fault.api or not self._of_client(request):
            return False
        self._left -= 1
        return self._left == 0

    def is_cued(self, request: Request, moment: str) -> bool:
        """Whether this request lets the held one go."""
        waits = bool(self.events) and self.events[-1].what in {"held", "cut"} and not self._over.is_set()
        return waits and self.fault.until == (request.api, moment) and self._of_client(request)

    def _of_client(self, request: Request) -> bool:
        return self.fault.client_id in (None, request.client_id)

    def note(self, what: Literal["held", "let go", "cut", "forwarded", "answered", "undelivered"]) -> None:
        """Called by the proxy."""
        self.events.append(Event(time.monotonic(), what))
        self._met.set()

    def end(self) -> None:
        """Called by the proxy once nothing more can come of it."""
        self._over.set()
        self._ended.set()

    async def held(self) -> None:
        """Called by the proxy; returns when the request is let go."""
        await self._go.wait()
        self.note("let go")

    async def let_go(self, patience_s: float) -> None:
        """Lets the held request go and returns when it has been answered, or patience has run out."""
        self._go.set()
        await asyncio.wait_for(self._over.wait(), patience_s)

    def release(self) -> None:
        """Lets the held request go now, or as soon as it is held."""
        self.loop.call_soon_threadsafe(self._go.set)

    @property
    def met(self) -> bool:
        """Whether the request has come."""
        return self._met.is_set()

    def await_met(self, timeout_s: float) -> bool:
        """Waits until the request has come; False: it has not."""
        return self._met.wait(timeout_s)

    def await_end(self, timeout_s: float) -> bool:
        """Waits until nothing more can come of it: cut, answered, or not deliverable any more."""
        return self._ended.wait(timeout_s)
