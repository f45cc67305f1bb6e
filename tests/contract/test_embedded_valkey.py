"""The embedded Valkey: what clients see of its starts, stops, faults and limits."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest
import redis

from worker.embedded import EmbeddedValkey
from worker.errors import EmbeddedError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey(tmp_path / "valkey") as server:
        yield server


@pytest.fixture
def client(valkey: EmbeddedValkey) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(valkey.url, socket_timeout=0.5, retry=None) as opened:
        yield opened


def test_each_redis_answers_and_is_empty(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("score", "1")
        assert client.get("score") == b"1"


def test_data_and_port_outlive_a_stop_but_not_a_kill(valkey: EmbeddedValkey, client: redis.Redis) -> None:
    port = valkey.port
    client.set("kept", "1")
    valkey.stop()
    valkey.start()
    client.set("lost", "1")
    valkey.kill()
    with pytest.raises(redis.ConnectionError):
        client.ping()
    with pytest.raises(EmbeddedError, match="Valkey does not run"):
        valkey.check()
    valkey.start()
    assert valkey.port == port
    assert client.keys() == [b"kept"]


def test_nothing_is_kept_where_that_was_not_asked_for(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path, keep=False)
    for _ in range(2):
        with server, redis.Redis.from_url(server.url) as client:
            assert client.dbsize() == 0
            client.set("gone", "1")


def test_a_paused_one_is_silent_until_it_goes_on(valkey: EmbeddedValkey, client: redis.Redis) -> None:
    client.set("kept", "1")
    valkey.pause()
    with pytest.raises(redis.TimeoutError):
        client.get("kept")
    valkey.resume()
    assert client.get("kept") == b"1"
    valkey.pause()
    valkey.kill()
    with pytest.raises(EmbeddedError, match="Valkey does not run"):
        valkey.check()


def _fill(client: redis.Redis) -> None:
    for number in range(64):
        client.set(str(number), bytes(100_000))


def test_options_reach_the_server(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path, options={"maxmemory": "2mb", "requirepass": "word"}) as server:
        knowing = redis.Redis.from_url(server.url, password="word")  # noqa: S106 - of this test alone
        with knowing, pytest.raises(redis.ResponseError, match="maxmemory"):
            _fill(knowing)
        with redis.Redis.from_url(server.url) as client, pytest.raises(redis.AuthenticationError):
            client.ping()


def test_an_unknown_option_is_named(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match=r"Valkey does not run.*no-such-option"):
        EmbeddedValkey(tmp_path, options={"no-such-option": "1"}).start()


def test_a_chosen_port_is_used_and_one_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = EmbeddedValkey(tmp_path, port=port)
        with pytest.raises(SettingsError, match=f"port {port} on 127.0.0.1 is in use"):
            server.start()
    with server:
        assert server.url == f"redis://127.0.0.1:{port}/0"


def test_a_folder_has_one_user(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path), pytest.raises(EmbeddedError, match=rf"in use.*{os.getpid()}"):
        EmbeddedValkey(tmp_path).start()


def test_a_folder_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedError, match=r"can't use the folder .*Not a directory"):
        EmbeddedValkey(tmp_path / "file" / "valkey").start()
