"""The stream under faults, at length: part of `make soak`."""

from __future__ import annotations

import pytest

from tests.faults.soak_stream import main


@pytest.mark.soak
def test_two_hundred_thousand_posts_under_faults() -> None:
    assert main([]) == 0
