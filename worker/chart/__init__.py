"""The Helm chart's schema and the page of its values, made of `values.yaml` and the declared settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.chart.page import page
from worker.chart.schema import schema
from worker.chart.values import documented

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# What is made of the text of `values.yaml`, by name within the chart.
FILES: Final[Mapping[str, Callable[[str], str]]] = {
    "values.schema.json": lambda text: schema(documented(text)),
    "README.md": lambda text: page(documented(text)),
}
