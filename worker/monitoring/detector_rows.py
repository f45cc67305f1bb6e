"""Rows of what scores posts, and of what it costs."""

from __future__ import annotations

from typing import Final

from worker import metrics as m
from worker.monitoring.panel import Panel, Query, Row
from worker.monitoring.promql import SELECTED, WINDOW, name, of_selected, quantile, rate, selected, total

_HIT: Final = 'result="hit"'

DETECTOR: Final = Row(
    "Detector",
    (
        Panel("Tokens", "cps", (Query(rate(m.BATCH_TOKENS), "tokens"),)),
        Panel("Batches", "cps", (Query(rate(m.BATCH_FILL, part="_count"), "batches"),)),
        Panel(
            "Fill of the batches",
            "percentunit",
            (
                Query(f"{rate(m.BATCH_FILL, part='_sum')} / {rate(m.BATCH_FILL, part='_count')}", "mean"),
                Query(quantile(0.1, m.BATCH_FILL), "a tenth is below"),
            ),
            most=1,
        ),
        Panel(
            "GPU at work",
            "percentunit",
            (Query(of_selected(f"rate({name(m.GPU_SECONDS)}{{{SELECTED}}}[{WINDOW}])"), "{{instance}}"),),
            note="Share of the time, by process; processes that share a GPU wait for one another within it.",
            most=1,
        ),
        Panel("Token budget", "short", (Query(selected(m.TOKEN_BUDGET), "{{instance}}"),)),
        Panel(
            "Memory ran out, posts scored alone",
            "cps",
            (Query(rate(m.OUT_OF_MEMORY), "out of memory"), Query(rate(m.ISOLATED), "posts scored alone")),
        ),
        Panel(
            "Detector in force",
            "short",
            (Query(f"sum by (name, digest) {selected(m.DETECTOR_INFO)}", "{{name}} {{digest}}"),),
            note="How many processes each detector decides in.",
            stacked=True,
        ),
        Panel("Reloads", "cps", (Query(rate(m.DETECTOR_SWITCHES, ("outcome",)), "{{outcome}}"),)),
        Panel(
            "CPU",
            "short",
            (
                Query(
                    of_selected(f"rate(process_cpu_seconds_total{{{SELECTED}}}[{WINDOW}])"),
                    "{{instance}}",
                ),
            ),
            note="`process_cpu_seconds_total`: cores in use.",
        ),
        Panel(
            "Memory",
            "bytes",
            (Query(of_selected(f"process_resident_memory_bytes{{{SELECTED}}}"), "{{instance}}"),),
            note="`process_resident_memory_bytes`: of the process, without the GPU's.",
        ),
    ),
)

CACHE: Final = Row(
    "Cache, Redis, signals",
    (
        Panel("Score look-ups", "cps", (Query(rate(m.CACHE, ("result",)), "{{result}}"),), stacked=True),
        Panel(
            "Found in the cache",
            "percentunit",
            (Query(f"{rate(m.CACHE, where=_HIT)} / {rate(m.CACHE)}", "of all look-ups"),),
            most=1,
        ),
        Panel("Failed calls to Redis", "cps", (Query(rate(m.REDIS_FAILURES, ("purpose",)), "{{purpose}}"),)),
        Panel("Redis left alone", "short", (Query(total(m.REDIS_BREAKER), "processes"),)),
        Panel(
            "Signals missing",
            "percentunit",
            (
                Query(
                    f"{rate(m.SIGNALS_MISSING, ('signal',))} / on () group_left () {rate(m.DECISIONS)}",
                    "{{signal}}",
                ),
            ),
            note="Of the decided posts. A field that the post does not have counts as missing too.",
            most=1,
        ),
    ),
)
