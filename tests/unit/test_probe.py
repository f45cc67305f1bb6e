from __future__ import annotations

import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.waiting import PATIENCE_S
from worker.health import Health, HealthServer
from worker.probe import objection, ports_of
from worker.settings import PREFIX, HttpSettings, load_settings

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
def port(health: Health) -> Iterator[int]:
    with HealthServer(health, HttpSettings(), free_port=True) as server:
        assert server.port is not None
        yield server.port


@pytest.fixture
def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        number: int = listening.getsockname()[1]
        return number


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and says nothing, as a process that hangs does."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_a_worker_that_starts_is_started_and_live_and_not_ready(port: int) -> None:
    assert objection("started", port) == ""
    assert objection("live", port) == ""
    assert "starting" in objection("ready", port)


def test_a_stuck_loop_is_not_live(port: int, health: Health, clock: Clock) -> None:
    health.turned()
    assert objection("live", port) == ""
    clock.now += 61
    assert "has not turned for 61 s" in objection("live", port)


def test_a_worker_that_lost_its_brokers_is_not_ready_and_stays_alive(port: int, health: Health) -> None:
    health.turned()
    health.ready(ready=True, why="decides")
    assert objection("ready", port) == ""
    health.ready(ready=False, why="no broker answers")
    assert "no broker answers" in objection("ready", port)
    assert objection("live", port) == ""


def test_a_process_that_ended_is_its_supervisors_business(closed_port: int) -> None:
    assert objection("live", closed_port) == ""
    assert objection("ready", closed_port) == f"port {closed_port}: nobody listens"
    assert objection("started", closed_port) == f"port {closed_port}: nobody listens"


def test_a_process_that_does_not_answer_is_not_live(silent_port: int) -> None:
    assert "timed out" in objection("live", silent_port, patience_s=0.2)


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "worker.probe", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)


def test_every_port_is_asked_and_each_objection_is_one_line(port: int, closed_port: int) -> None:
    assert _run("started", str(port)).returncode == 0
    one_away = _run("started", str(port), str(closed_port))
    assert one_away.returncode == 1
    assert one_away.stderr == f"probe: port {closed_port}: nobody listens\n"


@pytest.mark.parametrize("arguments", [(), ("alive", "9464"), ("live", "x")])
def test_wrong_usage_is_one_line_and_code_2(arguments: tuple[str, ...]) -> None:
    ended = _run(*arguments)
    assert ended.returncode == 2
    assert ended.stderr.startswith("probe: write one of")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("given", "ports"),
    [
        ({}, [f"{HttpSettings().port}"]),
        ({"HTTP__PORT": "9000", "PROCESSES": "3"}, ["9000", "9001", "9002"]),
        ({"HTTP__PORT": "0"}, []),
    ],
)
def test_without_ports_the_settings_in_the_environment_tell_them(
    given: dict[str, str], ports: list[str]
) -> None:
    environ = {f"{PREFIX}{name}": value for name, value in given.items()}
    load_settings(environ=environ)  # they are settings
    assert ports_of(environ) == ports
