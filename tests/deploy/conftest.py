"""The image under test, built once."""

from __future__ import annotations

import pytest

from tests.support.image import bases, build


@pytest.fixture(scope="session")
def build_arguments() -> list[str]:
    base, build_base = bases()
    labels = ["--build-arg=VERSION=1.2.3", "--build-arg=REVISION=abc"]
    return [f"--build-arg=BASE={base}", f"--build-arg=BUILD_BASE={build_base}", *labels]


@pytest.fixture(scope="session")
def image(build_arguments: list[str]) -> str:
    name = "localhost/flagstaff-test"
    build(name, *build_arguments)
    return name
