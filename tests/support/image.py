"""The container image for tests: built with buildah, run with podman as a cluster would run it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from worker.settings import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT: Final = Path(__file__).parents[2]
TOOLS: Final = ("buildah", "podman")
# The base that tests build on, and the one of the build stage; unset: made of Debian packages.
GIVEN_BASE: Final = os.environ.get("FLAGSTAFF_TEST_BASE", "")
GIVEN_BUILD_BASE: Final = os.environ.get("FLAGSTAFF_TEST_BUILD_BASE", GIVEN_BASE)
_RUNC: Final = shutil.which("runc", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
# What works where tests run in a container themselves.
_ENVIRON: Final = os.environ | {"BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "overlay"}
_CERTIFICATES: Final = Path("/etc/ssl/certs")
_PODMAN: Final = ("podman", *(("--runtime", _RUNC) if _RUNC else ()))
_RESTRICTED: Final = (
    "--network=host",
    # Podman would lend more places to write than Docker and Kubernetes do.
    "--read-only",
    "--read-only-tmpfs=false",
    "--tmpfs=/tmp",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
    # A container can't be given more than its maker has.
    "--ulimit=nofile=1024:1024",
    "--ulimit=nproc=1024:1024",
)


def missing_tools() -> list[str]:
    """What would be needed to build and run the image here, and is not at hand."""
    needed = TOOLS if GIVEN_BASE else (*TOOLS, "mmdebstrap")
    return [tool for tool in needed if shutil.which(tool) is None]


def bases() -> tuple[str, str]:
    """The images that the two stages begin with; made of Debian packages where none is given."""
    if GIVEN_BASE:
        return GIVEN_BASE, GIVEN_BUILD_BASE
    made = "localhost/flagstaff-base", "localhost/flagstaff-build-base"
    if any(_tool("buildah", "inspect", "--type", "image", name, check=False).returncode for name in made):
        _tool(str(ROOT / "deploy" / "debian-base"))
    return made


def build(tag: str, *arguments: str, file: str = "deploy/Containerfile", context: Path = ROOT) -> str:
    """Builds an image; returns its digest."""
    # The certificates of this machine count for the build and are not in the image.
    trusted = (f"--volume={_CERTIFICATES}:{_CERTIFICATES}:ro",) if _CERTIFICATES.is_dir() else ()
    fixed = (
        "bud",
        "--quiet",
        "--format=docker",
        "--timestamp=0",
        *trusted,
        f"--file={ROOT / file}",
        f"--tag={tag}",
    )
    return _tool("buildah", *fixed, *arguments, str(context)).stdout.split()[-1]


def inspect(tag: str) -> dict[str, Any]:
    """What the image says of itself."""
    said: list[dict[str, Any]] = json.loads(_tool("podman", "image", "inspect", tag).stdout)
    return said[0]


def run(
    tag: str,
    *command: str,
    entry: str | None = None,
    settings: Mapping[str, str] | None = None,
    more: Sequence[str] = (),
    stdin: str = "",
) -> subprocess.CompletedProcess[str]:
    """Runs a command in a restricted container to its end."""
    entrypoint = () if entry is None else (f"--entrypoint={entry}",)
    arguments = (*_RESTRICTED, *entrypoint, *_environment(settings or {}), *more, tag, *command)
    return _tool(*_PODMAN, "run", "--rm", "--interactive", *arguments, check=False, stdin=stdin)


class Container:
    """A restricted container that runs in the background."""

    def __init__(self, name: str) -> None:
        self.name = name

    def health(self) -> int:
        """The exit code of the image's own health check."""
        return self._podman("healthcheck", "run", check=False).returncode

    def logs(self) -> str:
        """All it has said."""
        done = self._podman("logs")
        return done.stdout + done.stderr

    def state(self) -> dict[str, Any]:
        """What podman knows of it."""
        said: list[dict[str, Any]] = json.loads(self._podman("inspect").stdout)
        return said[0]

    def stop(self) -> int:
        """SIGTERM; returns the exit code of the command."""
        _tool(*_PODMAN, "stop", "--time=60", self.name)
        code: int = self.state()["State"]["ExitCode"]
        return code

    def _podman(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return _tool(*_PODMAN, *command, self.name, check=check)


@contextmanager
def running(tag: str, name: str, settings: Mapping[str, str], *command: str) -> Iterator[Container]:
    """A command, the image's own where none is given, until the end of the block."""
    _tool(*_PODMAN, "run", "--detach", f"--name={name}", *_RESTRICTED, *_environment(settings), tag, *command)
    try:
        yield Container(name)
    finally:
        _tool(*_PODMAN, "rm", "--force", "--volumes", "--time=5", name)


def _environment(settings: Mapping[str, str]) -> list[str]:
    return [f"--env={PREFIX}{name}={value}" for name, value in settings.items()]


def _tool(*command: str, check: bool = True, stdin: str = "") -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, env=_ENVIRON, cwd=ROOT, check=False
    )
    assert not check or done.returncode == 0, f"{command[0]}: {done.stderr[-2000:]}"
    return done
