"""A real PostgreSQL for tests, where it is installed: a cluster of its own in a temporary folder."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator


def postgres_folder() -> Path | None:
    """Where `initdb` and `pg_ctl` are; None where PostgreSQL is not installed."""
    found = [Path(path) for path in (shutil.which("initdb"),) if path]
    # Debian keeps them off the PATH.
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[0].resolve().parent if found else None


class Postgres:
    """A running cluster.

    Attributes:
        url: SQLAlchemy's address of a database that is empty.
    """

    def __init__(self, programs: Path, folder: Path, user: str | None) -> None:
        self._programs = programs
        self._folder = folder
        self._user = user
        self.url = f"postgresql+psycopg://flagstaff@/postgres?host={folder}"

    def start(self) -> None:
        """Starts it; returns when it answers."""
        # Without TCP: the socket's folder is its own, so no port can clash. Nothing must outlive a crash.
        options = f"-k {self._folder} -c listen_addresses= -c fsync=off"
        patience, log = str(int(PATIENCE_S)), str(self._folder / "log")
        self._run("pg_ctl", "-w", "-t", patience, "-l", log, "-o", options, "start")

    def stop(self) -> None:
        """Stops it, connections cut."""
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def create(self) -> None:
        """Makes the cluster."""
        self._run("initdb", "--auth=trust", "--username=flagstaff", "--encoding=UTF8", "--no-sync")

    def _run(self, program: str, *arguments: str) -> None:
        ended = subprocess.run(
            [self._programs / program, "-D", self._folder / "data", *arguments],
            user=self._user,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if ended.returncode:
            raise RuntimeError(f"{program} {' '.join(arguments)}: exit code {ended.returncode}")


@contextmanager
def running_postgres(programs: Path) -> Iterator[Postgres]:
    """A cluster, gone with the block. PostgreSQL refuses to run as root, so there it runs as another user."""
    user = next(name for name in ("postgres", "nobody") if _is_user(name)) if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="flagstaff-postgres-"))
    try:
        if user is not None:
            shutil.chown(folder, user)
        postgres = Postgres(programs, folder, user)
        postgres.create()
        postgres.start()
        try:
            yield postgres
        finally:
            postgres.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
