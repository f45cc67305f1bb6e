"""A proxy in front of every broker that can hold, cut and reorder the requests that publish."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final, Self

from tests.faults.fault import Fault, Injection
from tests.faults.link import GONE, Link

if TYPE_CHECKING:
    from collections.abc import Sequence

_HOST: Final = "127.0.0.1"
# A fetch answer with many records should pass in few reads.
_BUFFER_BYTES: Final = 1 << 20


class KafkaProxy:
    """One listener a broker, on a thread of its own; a context manager.

    Brokers have to advertise `ports` to clients; `forward_to` then names the ports that they listen on.
    """

    def __init__(self, brokers: int = 1) -> None:
        self._brokers = brokers
        self._targets: Sequence[int] = ()
        self._injections: list[Injection] = []
        self._links: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="kafka-proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def ports(self) -> list[int]:
        """The ports that clients come to, one a broker."""
        return [server.sockets[0].getsockname()[1] for server in self._servers]

    def forward_to(self, ports: Sequence[int]) -> None:
        """Says where the brokers listen, in the order of `ports`."""
        self._targets = list(ports)

    def inject(self, fault: Fault) -> Injection:
        """Lets a fault wait for its request."""
        injection = Injection(fault, self._loop)
        self._loop.call_soon_threadsafe(self._injections.append, injection)
        return injection

    def calm(self) -> None:
        """Lets everything go that is held, and forgets the faults that have not met their requests."""
        for injection in list(self._injections):
            injection.release()
        self._loop.call_soon_threadsafe(self._injections.clear)

    async def _listen(self) -> None:
        for number in range(self._brokers):
            self._servers.append(
                await asyncio.start_server(
                    partial(self._accept, number),
                    _HOST,
                    0,
                    limit=_BUFFER_BYTES,
                )
            )

    async def _accept(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        try:
            broker = await asyncio.open_connection(_HOST, self._targets[number], limit=_BUFFER_BYTES)
            await Link((reader, writer), broker, self._injections).run()
        except GONE:
            writer.transport.abort()
        finally:
            self._links.discard(task)

    async def _hang_up(self) -> None:
        for server in self._servers:
            server.close()
        links = list(self._links)
        for link in links:
            link.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*links, return_exceptions=True)
