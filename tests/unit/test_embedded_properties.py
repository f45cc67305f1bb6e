"""A broker's properties and their file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.embedded import ClientSecurity
from worker.embedded.properties import BrokerPorts, broker_properties, render


def _properties(brokers: int, **extra: str) -> dict[str, str]:
    ports = [BrokerPorts(*range(first, first + 4)) for first in range(1, 4 * brokers, 4)]
    return broker_properties(0, ports, ClientSecurity().properties(Path()), extra)


@pytest.mark.parametrize(("brokers", "copies", "in_sync"), [(1, 1, 1), (2, 2, 1), (3, 3, 2), (5, 3, 2)])
def test_copies_follow_the_number_of_brokers(brokers: int, copies: int, in_sync: int) -> None:
    properties = _properties(brokers)
    assert int(properties["offsets.topic.replication.factor"]) == copies
    assert int(properties["transaction.state.log.replication.factor"]) == copies
    assert int(properties["default.replication.factor"]) == copies
    assert int(properties["transaction.state.log.min.isr"]) == in_sync
    assert int(properties["min.insync.replicas"]) == in_sync
    assert len(properties["controller.quorum.voters"].split(",")) == brokers


def test_further_properties_win() -> None:
    assert _properties(1, **{"log.retention.ms": "1"})["log.retention.ms"] == "1"
    assert _properties(3, **{"min.insync.replicas": "1"})["min.insync.replicas"] == "1"


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_the_file_holds_what_was_put_in(properties: dict[str, str]) -> None:
    text = render(properties)
    assert text.isascii()
    assert _as_java_reads_it(text) == properties


def _as_java_reads_it(text: str) -> dict[str, str]:
    """The part of java.util.Properties that an escaped file needs: `\\uXXXX` are UTF-16 units."""

    def unescaped(part: str) -> str:
        units = re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), part)
        return units.encode("utf-16-be", "surrogatepass").decode("utf-16-be")

    pairs = (line.partition("=") for line in text.splitlines())
    return {unescaped(name): unescaped(value) for name, _, value in pairs}
