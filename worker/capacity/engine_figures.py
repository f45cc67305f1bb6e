"""An engine's measured rate, from what the benchmarks wrote."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from worker.capacity.arrivals import mean_tokens
from worker.capacity.scenario import Lengths
from worker.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

# The law of the benchmarks' posts.
_BENCHMARK = Lengths(median=45.0, sigma=1.0, least=4, most=512)


def engine_options(path: Path, model: str) -> dict[str, Any]:
    """The scenario's `engine.*` that a benchmark's figures stand for.

    Args:
        path: `gpu.json` of `python -m benchmarks.gpu`, or what `flagstaff bench --json` printed.
        model: whose figures, where the file has several.

    Raises:
        SettingsError: it can't be read, or has no rate of this model.
    """
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"plan: --engine {path}: {error}") from None
    if not isinstance(figures, dict):
        raise SettingsError(f"plan: --engine {path} holds no figures of a benchmark")
    on_gpu = figures.get(f"{model}.lognormal.posts_per_s")
    if isinstance(on_gpu, int | float):
        return {
            "engine.tokens_per_s": on_gpu * mean_tokens(_BENCHMARK),
            "engine.kind": "gpu",
            "engine.token_budget": int(figures.get("tokens_a_run", 16_384)),
        }
    on_cpu = figures.get("engine.posts_per_s")
    if isinstance(on_cpu, int | float) and figures.get("model") == model:
        cores = int(figures.get("machine.cores") or 1)
        return {
            "engine.tokens_per_s": on_cpu * mean_tokens(_BENCHMARK),
            "engine.kind": "cpu",
            # What a transformer on a CPU likes best; see `DETECTOR__TOKEN_BUDGET`.
            "engine.token_budget": 2_048 * cores,
            "cluster.cores": float(cores),
        }
    raise SettingsError(
        f"plan: --engine {path} has no rate of {model!r}; --engine-model names another of its models"
    )
