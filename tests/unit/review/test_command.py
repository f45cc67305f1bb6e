from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.command import flagstaff

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("given", ["ann:boss", ":lead", "ann:", ""])
def test_a_person_that_is_none_is_one_line(given: str) -> None:
    ended = flagstaff("review", "--as", given)
    assert (ended.code, ended.out) == (2, "")
    assert len(ended.err.splitlines()) == 1
    assert "NAME:ROLE" in ended.err


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"REVIEW__HOST": "0.0.0.0"}, "REVIEW__HOST"),  # noqa: S104 - it is what must be refused
        ({"REVIEW__ACCESS": "proxy"}, "REVIEW__PROXY_SECRET"),
        ({}, "KAFKA__BOOTSTRAP_SERVERS"),
    ],
)
def test_settings_that_cannot_work_are_one_line(settings: dict[str, str], named: str, tmp_path: Path) -> None:
    ended = flagstaff("review", settings=settings | {"DATA_DIR": str(tmp_path)})
    assert (ended.code, ended.out) == (2, "")
    assert len(ended.err.splitlines()) == 1
    assert f"FLAGSTAFF_{named}" in ended.err
