"""One client's connection through the proxy, to one broker."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal

from tests.faults import wire
from tests.support.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.faults.fault import Injection
    from tests.faults.wire import Request

GONE: Final = (asyncio.IncompleteReadError, OSError)
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]

# Longest that a client's request or answer waits for the held request that it lets go.
_MOMENT_S: Final = 5.0
# Longest that a broker may take to answer a request whose client has gone.
_LATE_ANSWER_S: Final = PATIENCE_S


class Link:
    """Carries frames both ways, and does to the chosen ones what their faults say."""

    def __init__(self, client: Stream, broker: Stream, injections: Sequence[Injection]) -> None:
        self._from_client, self._to_client = client
        self._from_broker, self._to_broker = broker
        self._injections = injections
        self._asked: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._pending: dict[int, tuple[Request, Injection | None]] = {}
        self._held: Injection | None = None
        self._late = False
        self._client_gone = False

    async def run(self) -> None:
        """Returns when both connections are closed."""
        reading = asyncio.create_task(self._read_requests())
        requests = asyncio.create_task(self._pass_requests())
        answers = asyncio.create_task(self._pass_answers())
        try:
            await asyncio.wait({requests, answers}, return_when=asyncio.FIRST_COMPLETED)
            if self._late and self._pending:
                await asyncio.wait({answers}, timeout=_LATE_ANSWER_S)
        finally:
            for task in (reading, requests, answers):
                task.cancel()
            await asyncio.gather(reading, requests, answers, return_exceptions=True)
            self._to_client.transport.abort()
            self._to_broker.close()
            self._give_up()

    def _give_up(self) -> None:
        injections = [self._held, *(injection for _, injection in self._pending.values())]
        for injection in injections:
            if injection is not None:
                injection.note("undelivered")
                injection.end()

    async def _read_requests(self) -> None:
        # Read ahead of what is passed on, so that a client that goes while its request is held is noticed.
        with suppress(*GONE):
            while True:
                self._asked.put_nowait(await wire.read_frame(self._from_client))
        self._client_gone = True
        if self._held is not None:
            self._held.client_left()
        self._asked.put_nowait(None)

    async def _pass_requests(self) -> None:
        with suppress(*GONE):
            while (frame := await self._asked.get()) is not None:
                request = wire.publishing(frame)
                if request is not None and not await self._admit(request):
                    return
                self._to_broker.write(frame)
                await self._to_broker.drain()
                if self._late and self._client_gone:
                    return

    async def _admit(self, request: Request) -> bool:
        """Whether the request goes on to the broker, once its fault, if any, is done with it."""
        await self._reach(request, "asked")
        injection = next((one for one in self._injections if one.wants(request)), None)
        if injection is not None and injection.fault.action == "cut before":
            self._to_client.transport.abort()
            injection.note("cut")
            injection.end()
            return False
        if injection is not None and injection.fault.action in {"hold", "hold and cut"}:
            self._late, self._held = True, injection
            if injection.fault.action == "hold and cut":
                self._to_client.transport.abort()
                injection.note("cut")
            await injection.hold()
            self._held = None
        self._pending[request.correlation] = (request, injection)
        if injection is not None:
            injection.note("forwarded")
        return True

    async def _pass_answers(self) -> None:
        with suppress(*GONE):
            while True:
                frame = await wire.read_frame(self._from_broker)
                request, injection = self._pending.pop(wire.correlation(frame), (None, None))
                if injection is not None and request is not None:
                    self._settle(injection, wire.errors(request, frame))
                elif request is not None and not wire.errors(request, frame):
                    await self._reach(request, "answered")
                if not self._to_client.is_closing():
                    self._to_client.write(frame)
                    with suppress(OSError):
                        await self._to_client.drain()
                if self._client_gone and not self._pending:
                    return

    def _settle(self, injection: Injection, answer: list[str]) -> None:
        injection.answer = answer
        injection.note("answered")
        if injection.fault.action == "cut after":
            self._to_client.transport.abort()
            injection.note("cut")
        injection.end()

    async def _reach(self, request: Request, stage: Literal["asked", "answered"]) -> None:
        """Lets go what is held until this moment, and waits until the broker has answered that."""
        for injection in list(self._injections):
            if injection is not self._held and injection.is_let_go_by(request, stage):
                with suppress(TimeoutError):
                    await injection.let_go(_MOMENT_S)
