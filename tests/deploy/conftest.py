"""A Kafka that asks for TLS and a password; the image under test, built once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.image import bases, build
from tests.support.pod_worker import SECURITY
from worker.embedded import EmbeddedKafka

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """It is reached as `tests.support.pod_worker` says."""
    with EmbeddedKafka(tmp_path_factory.mktemp("secured"), security=SECURITY, keep=False) as kafka:
        yield kafka


@pytest.fixture(scope="session")
def build_arguments() -> list[str]:
    """For both stages: the base images, and labels to look for."""
    base, build_base = bases()
    labels = ["--build-arg=VERSION=1.2.3", "--build-arg=REVISION=abc"]
    return [f"--build-arg=BASE={base}", f"--build-arg=BUILD_BASE={build_base}", *labels]


@pytest.fixture(scope="session")
def image(build_arguments: list[str]) -> str:
    """The name of the image."""
    name = "localhost/flagstaff-test"
    build(name, *build_arguments)
    return name
