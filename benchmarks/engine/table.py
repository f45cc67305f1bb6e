"""The table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.engine.figures import Line
    from benchmarks.engine.spread import Spread


def render(found: Iterable[Line]) -> str:
    """One line a contestant: medians over the rounds, least and most of them in brackets."""
    head = (
        f"{'':52} {'':9} {'posts/s':>8} {'x pipeline 32':>20} {'this engine is':>20} "
        f"{'of matmul':>18} {'logits off by':>14}"
    )
    return "\n".join([head, *(_line(line) for line in found)])


def _line(line: Line) -> str:
    times = "" if line.key == "engine" or line.engine_over is None else f"{line.engine_over} x"
    return (
        f"{line.name:52} {line.number_format:9} {line.posts_per_s:8.1f} "
        f"{_or_blank(line.over_pipeline_32):>20} {times:>20} {line.of_matmul!s:>18} "
        f"{line.worst_difference:14.1e}"
    )


def _or_blank(spread: Spread | None) -> str:
    return "" if spread is None else str(spread)
