"""Rows of what is decided: the action-rate breaker and the staged release."""

from __future__ import annotations

from typing import Final

from worker import metrics as m
from worker.monitoring.panel import Panel, Query, Row
from worker.monitoring.promql import largest, mean, rate, selected, total

ACTION_RATE: Final = Row(
    "Action-rate breaker",
    (
        Panel(
            "Share of each action, and its usual share",
            "percentunit",
            (
                Query(mean(m.ACTION_RATE, ("action",)), "{{action}}"),
                Query(mean(m.ACTION_USUAL_RATE, ("action",)), "{{action}}, usual"),
            ),
            note="Mean of the processes; `review` and `limit` only.",
        ),
        Panel(
            "Held, or far too low",
            "short",
            (
                Query(total(m.ACTION_HELD, ("action",)), "{{action}} held"),
                Query(total(m.ACTION_RATE_LOW, ("action",)), "{{action}} too low"),
            ),
            note="How many processes say so.",
        ),
        Panel("Flags held down", "cps", (Query(rate(m.HELD_FLAGS, ("action",)), "{{action}}"),)),
    ),
)

RELEASE: Final = Row(
    "Staged release",
    (
        Panel(
            "Stage in force",
            "short",
            (Query(total(m.STAGE, ("stage",)), "{{stage}}"),),
            note="How many processes are in it.",
            stacked=True,
        ),
        Panel(
            "Share of the authors",
            "percentunit",
            (Query(largest(m.STAGE_SHARE), "decided by the challenger"),),
            most=1,
        ),
        Panel(
            "Posts for the challenger",
            "cps",
            (Query(rate(m.SHADOW_POSTS, ("outcome",)), "{{outcome}}"),),
            stacked=True,
        ),
        Panel(
            "Challenger and live one",
            "cps",
            (Query(rate(m.SHADOW_DECISIONS, ("action", "live")), "{{action}}, live: {{live}}"),),
        ),
        Panel(
            "Time for the challenger",
            "percentunit",
            (Query(f"{rate(m.SHADOW_SECONDS)} / count({selected(m.PARTITIONS)})", "of a process's time"),),
        ),
        Panel("Posts that wait", "short", (Query(total(m.SHADOW_WAITING), "posts"),)),
        Panel(
            "Challenger's signals missing",
            "cps",
            (Query(rate(m.SHADOW_SIGNALS_MISSING, ("signal",)), "{{signal}}"),),
        ),
    ),
    closed=True,
)
