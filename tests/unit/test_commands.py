"""The command line around the commands: help, exit codes, one line for an error."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import click
import pytest

import worker
from tests.support.command import environment, flagstaff
from tests.support.waiting import PATIENCE_S
from worker.commands import SUMMARIES
from worker.extras import EXTRAS

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
COMMAND = [sys.executable, "-m", "worker.commands"]


def python(code: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment(settings),
        timeout=PATIENCE_S,
        check=False,
    )


def test_help_names_every_command_and_imports_none() -> None:
    ended = flagstaff("--help")
    assert ended.code == 0
    assert all(f"  {name} " in ended.out for name in SUMMARIES)
    done = python(
        "import sys, worker.commands\n"
        "try: worker.commands.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'kafka', 'redis', 'structlog', 'msgspec', 'yaml'} & set(sys.modules)))"
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", SUMMARIES)
def test_each_name_is_a_command_that_explains_itself(name: str) -> None:
    command = getattr(import_module(f"worker.commands.{name}"), name)
    assert isinstance(command, click.Command)
    assert command.name == name
    assert command.help


def test_the_version_is_the_projects() -> None:
    ended = flagstaff("--version")
    assert ended.out == f"flagstaff, version {worker.__version__}\n"
    assert worker.__version__ == PROJECT["version"]


def test_every_extra_that_is_named_exists() -> None:
    assert set(EXTRAS.values()) <= set(PROJECT["optional-dependencies"])


@pytest.mark.parametrize("arguments", [["nope"], ["--nope"], ["schema", "--nope"], ["schema", "nope"]])
def test_bad_usage_exits_with_2(arguments: list[str]) -> None:
    ended = flagstaff(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert "Usage: flagstaff" in ended.err


def test_a_users_mistake_is_one_line_and_its_exit_code(tmp_path: Path) -> None:
    ended = flagstaff("send", settings={"NO_SUCH": "1"})
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "flagstaff: settings: unknown key 'no_such' (FLAGSTAFF_NO_SUCH)\n"
    (tmp_path / "file").touch()
    ended = flagstaff("schema", "--out", str(tmp_path / "file" / "below"))
    assert ended.code == 1
    assert len(ended.err.splitlines()) == 1


def test_the_file_of_the_settings_is_read_whatever_the_command(tmp_path: Path) -> None:
    config = tmp_path / "settings.yaml"
    config.write_text("emit: some\n")
    ended = flagstaff("--config", str(config), "send")
    assert ended.code == 2
    assert "FLAGSTAFF_EMIT" in ended.err


def test_a_missing_extra_is_one_line_that_says_how_to_get_it() -> None:
    done = python(
        "import sys, click, worker.commands\n"
        "sys.modules['sklearn'] = None\n"
        "@click.command('fit')\n"
        "def fit():\n"
        "    import sklearn.linear_model\n"
        "worker.commands.flagstaff.get_command = lambda *_: fit\n"
        "worker.commands.main(['fit'])"
    )
    assert done.returncode == 1
    assert done.stderr == "flagstaff: this needs the package sklearn: pip install 'flagstaff[lab]'\n"


def test_a_module_of_no_extra_is_a_mistake_of_ours_and_shows_where() -> None:
    done = python(
        "import sys; sys.modules['jsonschema'] = sys.modules['worker.asyncapi'] = None\n"
        "from worker.commands import main; main(['schema'])"
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*COMMAND, "schema"], stdout=write, stderr=subprocess.PIPE, env=environment({}), check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")


def test_an_interrupt_exits_with_130() -> None:
    code = (
        "import signal, time, click, worker.commands\n"
        # Who starts the tests in the background may have it ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "@click.command('wait')\n"
        "def wait():\n"
        "    print('waiting', flush=True)\n"
        # Not `signal.pause`, which waits for ever where the signal comes just before it.
        "    while True:\n"
        "        time.sleep(0.1)\n"
        "worker.commands.flagstaff.get_command = lambda *_: wait\n"
        "worker.commands.main(['wait'])"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"waiting\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert b"Traceback" not in err
