"""Ports on this machine: free ones found, chosen ones checked."""

from __future__ import annotations

import errno
import random
import socket
from typing import TYPE_CHECKING

from worker.errors import EmbeddedError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

HOST = "127.0.0.1"
# Below the range from which Linux (32768) and macOS (49152) take the local ports of outgoing connections: a
# port in that range can be taken by any client while a broker is down, which could then not come back to it.
FIRST, LAST = 20_000, 32_000
HIGHEST = 65_535
TRIES = 1_000


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address now."""
    with socket.socket() as probe:
        # As servers do: a port whose last connections are still timing out counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def free_ports(count: int, wanted: Iterable[int] = (), taken: Collection[int] = ()) -> list[int]:
    """`count` different free ports: those of `wanted` that are free, in order, others chosen at random.

    Raises:
        EmbeddedError: no free port was found.
    """
    chosen: list[int] = []
    before = list(wanted)[:count]
    for position in range(count):
        candidates = [*before[position : position + 1], *(random.randint(FIRST, LAST) for _ in range(TRIES))]  # noqa: S311 - no secret
        for port in candidates:
            if port not in chosen and port not in taken and is_free(port):
                chosen.append(port)
                break
        else:
            raise EmbeddedError(f"embedded: no free port between {FIRST} and {LAST} on {HOST}")
    return chosen


def chosen_ports(first: int, count: int, what: str) -> list[int]:
    """The ports `first`, `first + 1`, … that the user chose.

    Raises:
        SettingsError: one of them is in use, needs rights that this user lacks, or does not exist.
    """
    if not 1 <= first <= HIGHEST - count + 1:
        raise SettingsError(f"embedded: {what} {first}: ports go from 1 to {HIGHEST - count + 1} here")
    ports = list(range(first, first + count))
    for port in ports:
        if not is_free(port):
            raise SettingsError(
                f"embedded: port {port} on {HOST} is in use or not allowed: choose another {what}, or none"
            )
    return ports
