"""One client's connection through the proxy, to one broker."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from tests.faults import wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.faults.fault import Injection
    from tests.faults.wire import Request

GONE: Final = (asyncio.IncompleteReadError, OSError)
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]

# Longest that a cue waits for the answer to the request that it let go.
_CUE_PATIENCE_S: Final = 5.0
# Longest that a broker may take to answer what a client that is gone has sent.
_LATE_PATIENCE_S: Final = 30.0


class Link:
    """Carries frames both ways, and does to the chosen ones what their faults say."""

    def __init__(self, client: Stream, broker: Stream, injections: Sequence[Injection]) -> None:
        self._from_client, self._to_client = client
        self._from_broker, self._to_broker = broker
        self._injections = injections
        self._pending: dict[int, tuple[Request, Injection | None]] = {}
        self._held: Injection | None = None
        self._late = False
        self._client_gone = False

    async def run(self) -> None:
        """Returns when both connections are closed."""
        requests = asyncio.create_task(self._requests())
        answers = asyncio.create_task(self._answers())
        try:
            await asyncio.wait({requests, answers}, return_when=asyncio.FIRST_COMPLETED)
            if self._late and self._pending:
                await asyncio.wait({answers}, timeout=_LATE_PATIENCE_S)
        finally:
            for task in (requests, answers):
                task.cancel()
            await asyncio.gather(requests, answers, return_exceptions=True)
            self._to_client.transport.abort()
            self._to_broker.close()
            self._give_up()

    def _give_up(self) -> None:
        lost = [injection for _, injection in self._pending.values() if injection is not None]
        for injection in [*lost, *([self._held] if self._held is not None else [])]:
            injection.note("undelivered")
            injection.end()

    async def _requests(self) -> None:
        with suppress(*GONE):
            while True:
                frame = await wire.read_frame(self._from_client)
                request = wire.publishing(frame)
                if request is not None and not await self._admit(request):
                    return
                self._to_broker.write(frame)
                await self._to_broker.drain()
        self._client_gone = True

    async def _admit(self, request: Request) -> bool:
        """Whether the request goes on to the broker, now that its fault, if any, is done with it."""
        await self._cue(request, "asked")
        injection = next((one for one in self._injections if one.wants(request)), None)
        self._pending[request.correlation] = (request, injection)
        if injection is None:
            return True
        action = injection.fault.action
        if action == "cut before":
            del self._pending[request.correlation]
            self._to_client.transport.abort()
            injection.note("cut")
            injection.end()
            return False
        if action in {"hold", "hold and cut"}:
            self._late, self._held = True, injection
            del self._pending[request.correlation]
            injection.note("held")
            if action == "hold and cut":
                self._to_client.transport.abort()
                injection.note("cut")
            await injection.held()
            self._held = None
            self._pending[request.correlation] = (request, injection)
        injection.note("forwarded")
        return True

    async def _answers(self) -> None:
        with suppress(*GONE):
            while True:
                frame = await wire.read_frame(self._from_broker)
                request, injection = self._pending.pop(wire.correlation(frame), (None, None))
                if request is not None and injection is None:
                    await self._cue(request, "answered")
                if request is not None and injection is not None:
                    injection.answer = wire.errors(request, frame)
                    injection.note("answered")
                    if injection.fault.action == "cut after":
                        self._to_client.transport.abort()
                        injection.note("cut")
                    injection.end()
                if not self._to_client.is_closing():
                    self._to_client.write(frame)
                    with suppress(OSError):
                        await self._to_client.drain()
                if self._client_gone and not self._pending:
                    return

    async def _cue(self, request: Request, moment: str) -> None:
        for injection in list(self._injections):
            if injection is not self._held and injection.is_cued(request, moment):
                with suppress(TimeoutError):
                    await injection.let_go(_CUE_PATIENCE_S)
