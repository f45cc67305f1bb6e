"""Ports that are found, kept and checked."""

from __future__ import annotations

import socket

import pytest

from worker.embedded.ports import FIRST, HIGHEST, LAST, chosen_ports, free_ports, is_free
from worker.errors import SettingsError


def test_free_ports_differ_and_lie_below_those_of_outgoing_connections() -> None:
    ports = free_ports(15)
    assert len(set(ports)) == 15
    assert all(FIRST <= port <= LAST for port in ports)


def test_wanted_ports_are_kept_where_they_are_free() -> None:
    kept = free_ports(1)[0]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = taken.getsockname()[1]
        assert not is_free(busy)
        first, second, third = free_ports(3, [busy, kept, kept])
    assert second == kept
    assert len({first, second, third, busy}) == 4


def test_taken_ports_are_left_alone() -> None:
    wanted = free_ports(1)
    assert free_ports(1, wanted, taken=wanted) != wanted


@pytest.mark.parametrize("first", [0, -1, HIGHEST, HIGHEST + 1])
def test_a_port_that_does_not_exist_is_refused(first: int) -> None:
    with pytest.raises(SettingsError, match="Kafka port"):
        chosen_ports(first, 2, "Kafka port")
