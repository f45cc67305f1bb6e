from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.command import environment
from worker.health import Health, HealthServer
from worker.settings import HttpSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = Path(__file__).parents[2] / "deploy" / "health.py"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def port(clock: Clock) -> Iterator[int]:
    health = Health(stale_after_s=10, clock=clock)
    health.turned()
    with HealthServer(health, HttpSettings(), free_port=True) as server:
        assert server.port is not None
        yield server.port


def _ask(**settings: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], capture_output=True, text=True, env=environment(settings), check=False
    )
    return done.returncode, done.stderr.strip()


def test_a_worker_whose_loop_turns_is_well(port: int) -> None:
    assert _ask(HTTP__PORT=str(port)) == (0, "")


def test_a_worker_whose_loop_stands_still_is_ill(port: int, clock: Clock) -> None:
    clock.now = 60
    code, said = _ask(HTTP__PORT=str(port))
    assert code == 1
    assert said == f'port {port}: {{"live": false, "why": "the main loop has not turned for 60 s"}}'


def test_every_process_is_asked(port: int) -> None:
    code, said = _ask(HTTP__PORT=str(port), PROCESSES="2")
    assert code == 1
    assert said.startswith(f"port {port + 1}: ")


def test_where_nothing_listens_there_is_nothing_to_ask() -> None:
    assert _ask(HTTP__PORT="0") == (0, "")
