"""What an orchestrator and Prometheus may ask of a worker over HTTP: `/live`, `/ready`, `/metrics`.

Liveness means that the main loop turns; it says nothing of Kafka, since a restart mends no broker.
Readiness is what the loop last said of itself, with a reason. Until the first turn a worker counts as alive,
because loading a large model takes its time: a start that hangs is seen as one that never gets ready.
"""

from __future__ import annotations

import json
import socket
import socketserver
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from prometheus_client.exposition import choose_encoder

from worker.errors import SettingsError
from worker.metrics import LAST_TURN, REGISTRY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from worker.settings import HttpSettings

# How long `close` may have to wait for the thread that listens.
_POLL_S: Final = 0.1


class Answer(NamedTuple):
    """Whether all is well, and why (or why not)."""

    well: bool
    why: str


class Health:
    """What the main loop says of itself; every method may be called from any thread.

    Args:
        stale_after_s: seconds without a turn of the loop after which the worker counts as stuck.
        clock: seconds that never go back.
    """

    def __init__(self, stale_after_s: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._stale_after_s = stale_after_s
        self._clock = clock
        # Each is replaced as a whole, so a reader needs no lock to see one that is consistent.
        self._last_turn: float | None = None
        self._readiness = Answer(well=False, why="starting")
        self._held: tuple[str, ...] = ()

    def turned(self) -> None:
        """The main loop has turned once more."""
        self._last_turn = self._clock()
        LAST_TURN.set_to_current_time()

    def ready(self, ready: bool, why: str) -> None:  # noqa: FBT001 - reads as a sentence: ready(True, "…")
        """Whether the worker does its work from now on, and why or why not in a few words."""
        self._readiness = Answer(ready, why)

    def held(self, actions: Sequence[str]) -> None:
        """Which actions are held down now. The worker is ready all the same: it decides every post."""
        self._held = tuple(actions)

    def holds(self) -> tuple[str, ...]:
        """What was last said by `held`."""
        return self._held

    def liveness(self) -> Answer:
        """Whether the main loop turns."""
        last = self._last_turn
        if last is None:
            return Answer(well=True, why="starting")
        since = self._clock() - last
        if since > self._stale_after_s:
            return Answer(well=False, why=f"the main loop has not turned for {since:.0f} s")
        return Answer(well=True, why="the main loop turns")

    def readiness(self) -> Answer:
        """What was last said by `ready`."""
        return self._readiness


class HealthServer:
    """Answers over HTTP in threads of its own that end with the process.

    Args:
        health: what is answered from.
        settings: address and port; port 0: nothing is listened on.
        number: which of the command's processes this is; it listens that many ports further.
        free_port: listen on any free port instead.

    Attributes:
        port: the port that is listened on; None where there is none.

    Raises:
        SettingsError: the address can't be listened on.
    """

    def __init__(
        self, health: Health, settings: HttpSettings, *, number: int = 0, free_port: bool = False
    ) -> None:
        self.port: int | None = None
        if settings.port == 0 and not free_port:
            return
        self._server = _listening(health, settings.host, 0 if free_port else settings.port + number)
        self.port = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_S,), name="health", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        if self.port is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _listening(health: Health, host: str, port: int) -> _Server:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return _Server(health, host, port, family)
    except (OSError, OverflowError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise SettingsError(
            f"http.port (FLAGSTAFF_HTTP__PORT): can't listen on {host} port {port}: {why}; "
            "name a free port (each process takes the next one), or 0 for none"
        ) from None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, health: Health, host: str, port: int, family: socket.AddressFamily) -> None:
        self.health = health
        self.address_family = family
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        # http.server's own version asks the name service for this machine's name, which can take long.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]  # as HTTPServer does

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no event for the log."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "flagstaff"
    sys_version = ""
    # Seconds that a silent client may hold its thread.
    timeout = 10

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/live":
            self._send_answer("live", self.server.health.liveness())
        elif path == "/ready":
            held = self.server.health.holds()
            self._send_answer("ready", self.server.health.readiness(), **({"held": held} if held else {}))
        elif path == "/metrics":
            encode, content_type = choose_encoder(self.headers.get("Accept", ""))
            self._send(HTTPStatus.OK, encode(REGISTRY), content_type)
        else:
            body = {"error": "not found", "paths": ["/live", "/ready", "/metrics"]}
            self._send_json(HTTPStatus.NOT_FOUND, body)

    do_HEAD = do_GET  # noqa: N815 - http.server looks the method up by this name

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name http.server gives it
        """Probes come every few seconds; they are no events for the log."""

    def _send_answer(self, question: str, answer: Answer, **more: object) -> None:
        status = HTTPStatus.OK if answer.well else HTTPStatus.SERVICE_UNAVAILABLE
        self._send_json(status, {question: answer.well, "why": answer.why, **more})

    def _send_json(self, status: HTTPStatus, body: dict[str, Any]) -> None:
        self._send(status, json.dumps(body).encode() + b"\n", "application/json")

    def _send(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
