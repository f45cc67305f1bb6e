"""One proxied Kafka for all tests of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.proxied import ProxiedKafka, proxied_kafka

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxiedKafka]:
    """A Kafka behind the proxy; whoever injects faults lets none wait behind."""
    with proxied_kafka(tmp_path_factory.mktemp("proxied")) as kafka:
        yield kafka
