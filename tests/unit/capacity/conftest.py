from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from worker.capacity.costs import Costs


class Write(Protocol):
    def __call__(self, costs: Costs) -> Path: ...


@pytest.fixture
def write_costs(tmp_path: Path) -> Write:
    """Writes costs as `flagstaff plan --measure` does."""

    def write(costs: Costs) -> Path:
        path = tmp_path / "costs.json"
        path.write_bytes(msgspec.json.encode(costs))
        return path

    return write
