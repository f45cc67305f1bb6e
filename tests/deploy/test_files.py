from __future__ import annotations

from pathlib import Path

import pytest

from worker.monitoring.files import FILES

FOLDER = Path(__file__).parents[2] / "helm/flagstaff/files"


@pytest.mark.parametrize("name", FILES)
def test_the_file_in_the_chart_is_the_one_that_the_code_makes(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == FILES[name](), "run `make docs`"
