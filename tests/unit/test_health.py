from __future__ import annotations

import http.client
import json
import socket
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.waiting import PATIENCE_S
from worker.errors import SettingsError
from worker.health import Health, HealthServer
from worker.settings import HttpSettings

if TYPE_CHECKING:
    from collections.abc import Iterator


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(stale_after_s=60, clock=clock)


@pytest.fixture
def server(health: Health) -> Iterator[HealthServer]:
    with HealthServer(health, HttpSettings(), free_port=True) as server:
        yield server


def port_of(server: HealthServer) -> int:
    assert server.port is not None
    return server.port


def ask(server: HealthServer, path: str, method: str = "GET", **headers: str) -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=PATIENCE_S)
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response.status, response.headers["Content-Type"], response.read()
    finally:
        connection.close()


def ask_json(server: HealthServer, path: str) -> tuple[int, dict[str, Any]]:
    status, content_type, body = ask(server, path)
    assert content_type == "application/json"
    return status, json.loads(body)


def test_a_worker_is_alive_while_its_loop_turns(server: HealthServer, health: Health, clock: Clock) -> None:
    health.turned()
    clock.now += 60
    assert ask_json(server, "/live") == (200, {"live": True, "why": "the main loop turns"})
    clock.now += 1
    assert ask_json(server, "/live") == (503, {"live": False, "why": "the main loop has not turned for 61 s"})
    health.turned()
    assert ask_json(server, "/live")[0] == 200


def test_a_slow_start_is_alive_but_not_ready(server: HealthServer, clock: Clock) -> None:
    clock.now += 3_600
    assert ask_json(server, "/live") == (200, {"live": True, "why": "starting"})
    assert ask_json(server, "/ready") == (503, {"ready": False, "why": "starting"})


def test_readiness_is_what_the_loop_said_last_and_liveness_ignores_it(
    server: HealthServer, health: Health
) -> None:
    health.turned()
    health.ready(True, "consuming 3 partitions")
    assert ask_json(server, "/ready") == (200, {"ready": True, "why": "consuming 3 partitions"})
    health.ready(False, "no broker answers")
    assert ask_json(server, "/ready") == (503, {"ready": False, "why": "no broker answers"})
    assert ask_json(server, "/live")[0] == 200


def test_a_held_action_is_told_beside_a_readiness_that_it_does_not_change(
    server: HealthServer, health: Health
) -> None:
    health.ready(True, "deciding")
    health.held(["review"])
    assert ask_json(server, "/ready") == (200, {"ready": True, "why": "deciding", "held": ["review"]})
    health.held([])
    assert ask_json(server, "/ready") == (200, {"ready": True, "why": "deciding"})


def test_metrics_are_served_in_the_format_that_is_asked_for(server: HealthServer, health: Health) -> None:
    health.turned()
    status, content_type, body = ask(server, "/metrics")
    assert status == 200
    assert content_type.startswith("text/plain")
    assert b"flagstaff_last_turn_timestamp_seconds 1." in body
    _, content_type, body = ask(server, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


@pytest.mark.parametrize("path", ["/live", "/ready", "/metrics", "/nothing"])
def test_head_answers_like_get_without_a_body(server: HealthServer, path: str) -> None:
    status, content_type, body = ask(server, path, "HEAD")
    assert (status, content_type) == ask(server, path)[:2]
    assert body == b""


def test_a_query_is_ignored_and_an_unknown_path_says_what_there_is(server: HealthServer) -> None:
    assert ask(server, "/live?verbose=1")[0] == 200
    status, body = ask_json(server, "/")
    assert status == 404
    assert body["paths"] == ["/live", "/ready", "/metrics"]
    assert ask(server, "/live", "POST")[0] == 501


def test_a_client_that_hangs_up_harms_nobody(server: HealthServer, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_connection(("127.0.0.1", port_of(server))) as rude:
        rude.sendall(b"GET /metrics HTTP/1.0\r\n")
    with socket.create_connection(("127.0.0.1", port_of(server))) as rude:
        rude.sendall(b"\x00\xff nonsense\r\n\r\n")
    assert ask(server, "/live")[0] == 200
    assert capfd.readouterr().err == ""


def test_the_settings_say_where_and_whether(health: Health) -> None:
    with HealthServer(health, HttpSettings(port=0)) as server:
        assert server.port is None
    with HealthServer(health, HttpSettings(), free_port=True) as probe:
        free = port_of(probe)
    with HealthServer(health, HttpSettings(port=free - 1), number=1) as server:
        assert server.port == free


def test_ipv6_is_listened_on_where_it_exists(health: Health) -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    with HealthServer(health, HttpSettings(host="::1"), free_port=True) as server:
        assert port_of(server) > 0


def test_a_port_in_use_is_one_clear_line(health: Health, server: HealthServer) -> None:
    with pytest.raises(SettingsError, match="FLAGSTAFF_HTTP__PORT") as caught:
        HealthServer(health, HttpSettings(port=port_of(server)))
    assert f"port {server.port}: Address already in use" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_port_beyond_the_last_is_one_clear_line(health: Health) -> None:
    with pytest.raises(SettingsError, match=r"FLAGSTAFF_HTTP__PORT.*65540"):
        HealthServer(health, HttpSettings(port=65_535), number=5)


def test_a_host_that_is_not_here_is_one_clear_line(health: Health) -> None:
    with pytest.raises(SettingsError, match=r"192\.0\.2\.1"):
        HealthServer(health, HttpSettings(host="192.0.2.1"))
