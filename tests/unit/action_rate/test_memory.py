from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from worker.action_rate.memory import load_shares, save_shares

if TYPE_CHECKING:
    from pathlib import Path


def test_what_was_learned_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "0.action-rates"
    assert load_shares(path) == {}
    save_shares(path, {"review": (0.01, 0.02), "limit": ()})
    assert load_shares(path) == {"review": (0.01, 0.02), "limit": ()}


@pytest.mark.parametrize("kept", [b"", b"{", b'{"review": [2.0]}', b'{"pass": []}', b"\xff"])
def test_a_broken_file_is_told_and_begun_anew(tmp_path: Path, kept: bytes) -> None:
    path = tmp_path / "0.action-rates"
    path.write_bytes(kept)
    with capture_logs() as logs:
        assert load_shares(path) == {}
    assert [line["event"] for line in logs] == ["action_rates_unreadable"]


def test_a_folder_that_is_gone_is_told_and_no_error(tmp_path: Path) -> None:
    with capture_logs() as logs:
        save_shares(tmp_path / "gone" / "0.action-rates", {"review": ()})
    assert [line["event"] for line in logs] == ["action_rates_not_kept"]
