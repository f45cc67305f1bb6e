"""Apache Kafka's jars: fetched once by pinned coordinates, checked against `jars.lock` at every start."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from worker.embedded.folder import plain_disk_errors
from worker.embedded.packages import package_folder
from worker.errors import EmbeddedError

KAFKA_VERSION = "4.3.1"
# Kafka's own dependencies have nothing to write logs with: without slf4j-simple a broker that can't start
# says nothing.
COORDINATES = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-simple:1.7.36"
LOCK = Path(__file__).with_name("jars.lock")


def cache_folder() -> Path:
    """Where the jars are kept: `flagstaff/kafka/<version>` below `XDG_CACHE_HOME` or `~/.cache`."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "flagstaff" / "kafka" / KAFKA_VERSION


def locked_digests() -> dict[str, str]:
    """The sha256 of every jar that a broker is started with, by file name."""
    lines = LOCK.read_text(encoding="ascii").splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def are_cached(folder: Path | None = None) -> bool:
    """Whether every jar is there, so that a start needs no network; `kafka_jars` checks what they hold."""
    return all(((folder or cache_folder()) / name).is_file() for name in locked_digests())


def kafka_jars(folder: Path | None = None) -> list[Path]:
    """The jars, each with the digest in the lock file. Uses the network only where some are missing.

    Args:
        folder: where they are kept; None: `cache_folder()`.

    Raises:
        EmbeddedError: a jar differs from the lock file, or is missing and can't be fetched.
    """
    folder = folder or cache_folder()
    locked = locked_digests()
    if not are_cached(folder):
        with plain_disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / ".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)  # two first starts at once: the second finds the jars
                if not are_cached(folder):
                    _fill(folder, locked)
    return [_checked(folder / name, digest, f"delete {folder}") for name, digest in locked.items()]


def _fill(folder: Path, locked: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        fetched = {jar.name: jar for jar in fetch(Path(scratch))}
        for name, digest in locked.items():
            if name not in fetched:
                raise EmbeddedError(
                    f"embedded: {name} is in the lock file but was not among what was fetched"
                )
            _checked(fetched[name], digest, "check the repository it comes from")
            shutil.copyfile(fetched[name], Path(scratch) / "jar")
            (Path(scratch) / "jar").replace(folder / name)


def fetch(scratch: Path) -> list[Path]:
    """Resolves the coordinates and all they depend on, below `scratch` and in the user's Maven repository.

    Raises:
        EmbeddedError: `jgo` is missing, or the jars can't be fetched.
    """
    package_folder("jgo")
    import jgo  # noqa: PLC0415 - optional, and slow to import: only the first start needs it

    try:
        environment = jgo.build(COORDINATES, cache_dir=scratch)
    except OSError as error:
        if error.errno is not None:  # the disk's; the network's errors carry none
            raise
        raise _unfetched(error) from None
    except Exception as error:  # noqa: BLE001 - jgo raises bare RuntimeErrors and its HTTP library's own
        raise _unfetched(error) from None
    return list(environment.all_jars)


def _unfetched(error: Exception) -> EmbeddedError:
    reason = " ".join(str(error).split())[:200]
    return EmbeddedError(
        f"embedded: can't fetch Apache Kafka {KAFKA_VERSION}; the first start needs a network: {reason}"
    )


def _checked(jar: Path, digest: str, mend: str) -> Path:
    try:
        with jar.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise EmbeddedError(f"embedded: can't read {jar}: {error.strerror}") from None
    if found != digest:
        raise EmbeddedError(
            f"embedded: {jar} differs from the lock file ({found[:12]}…): {mend} and start again"
        )
    return jar
