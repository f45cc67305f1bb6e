"""A Kafka that asks for TLS and a password."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.pod_worker import SECURITY
from worker.embedded import EmbeddedKafka

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """It is reached as `tests.support.pod_worker` says."""
    with EmbeddedKafka(tmp_path_factory.mktemp("secured"), security=SECURITY, keep=False) as kafka:
        yield kafka
