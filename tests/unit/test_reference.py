from __future__ import annotations

from pathlib import Path

import pytest

from worker.metrics import metrics_table
from worker.reference import PAGES
from worker.settings import settings_table

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", PAGES)
def test_the_page_in_docs_is_the_one_that_the_code_makes(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name](), "run `make docs`"


def test_every_setting_and_metric_is_on_its_page() -> None:
    settings, metrics = PAGES["settings.md"](), PAGES["metrics.md"]()
    assert all(f"| `{name}` |" in settings for name, _, _ in settings_table())
    assert all(f"| `{name}` |" in metrics for name, *_ in metrics_table())
    assert all(meaning.strip() for _, _, meaning in settings_table())
    assert all(metric.meaning.strip() for metric in metrics_table())
