"""Transactions whose outcome is not known: no flag is lost, none doubled, none of an aborted one is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.outcomes import CASES, Case, Outcomes, outcomes
from tests.faults.soak_outcomes import main

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.proxied import ProxiedKafka


@pytest.fixture(scope="module")
def bench(proxied: ProxiedKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcomes]:
    with outcomes(proxied, tmp_path_factory.mktemp("outcomes")) as running:
        yield running


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.request}: {case.fault}")
def test_each_post_is_decided_once(bench: Outcomes, case: Case) -> None:
    done = bench.round(case)
    assert done.is_right, f"{done}"


@pytest.mark.soak
def test_two_hundred_rounds() -> None:
    assert main(["--rounds", "200"]) == 0
