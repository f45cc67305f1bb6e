"""Rows of the way from topic to topic."""

from __future__ import annotations

from typing import Final

from worker import metrics as m
from worker.monitoring.panel import Panel, Query, Row
from worker.monitoring.promql import largest, quantile, rate, selected, total

_ACTING: Final = 'action=~"label|review|limit"'

AT_A_GLANCE: Final = Row(
    "At a glance",
    (
        Panel("Posts decided", "cps", (Query(rate(m.COMMITTED), "posts"),), kind="stat"),
        Panel("Lag", "short", (Query(total(m.LAG), "posts"),), kind="stat"),
        Panel(
            "Time to work off the lag",
            "s",
            (Query(f"{total(m.LAG)} / {rate(m.COMMITTED)}", "at the present rate"),),
            kind="stat",
            note="Were no post to come in. Without end while nothing is committed.",
        ),
        Panel(
            "Flagged",
            "percentunit",
            (Query(f"{rate(m.DECISIONS, where=_ACTING)} / {rate(m.DECISIONS)}", "of decided posts"),),
            kind="stat",
            note="Posts that went out as `label`, `review` or `limit`.",
        ),
        Panel(
            "Dead letters",
            "percentunit",
            (Query(f"{rate(m.DEAD_LETTERS)} / {rate(m.COMMITTED)}", "of all posts"),),
            kind="stat",
        ),
        Panel(
            "Actions held", "short", (Query(largest(m.ACTION_HELD, ("action",)), "{{action}}"),), kind="stat"
        ),
    ),
)

STREAM: Final = Row(
    "Stream",
    (
        Panel(
            "Posts in and out",
            "cps",
            (
                Query(rate(m.POSTS), "read"),
                Query(rate(m.COMMITTED), "committed"),
                Query(rate(m.TOMBSTONES), "tombstones"),
            ),
        ),
        Panel(
            "Decisions by action", "cps", (Query(rate(m.DECISIONS, ("action",)), "{{action}}"),), stacked=True
        ),
        Panel(
            "Lag by partition",
            "short",
            (
                Query(f"topk(10, {largest(m.LAG, ('partition',))})", "{{partition}}"),
                Query(total(m.LAG), "all"),
            ),
            note="The ten partitions that are furthest behind.",
        ),
        Panel(
            "Seconds of a batch in each stage",
            "s",
            (
                Query(quantile(0.5, m.STAGE_SECONDS, ("stage",)), "{{stage}}, median"),
                Query(quantile(0.99, m.STAGE_SECONDS, ("stage",)), "{{stage}}, 99th percentile"),
            ),
        ),
        Panel(
            "How busy each stage is",
            "percentunit",
            (
                Query(
                    f"{rate(m.STAGE_SECONDS, ('stage',), part='_sum')} / on () group_left () "
                    f"count({selected(m.PARTITIONS)})",
                    "{{stage}}",
                ),
            ),
            note="Share of the time, mean of the processes. The stage that is near 1 sets the pace.",
            most=1,
        ),
        Panel(
            "Posts in flight",
            "short",
            (Query(total(m.IN_FLIGHT), "posts"), Query(total(m.PAUSED), "processes that fetch no more")),
        ),
        Panel("Bytes in flight", "bytes", (Query(total(m.IN_FLIGHT_BYTES), "bytes"),)),
        Panel(
            "Transactions",
            "cps",
            (
                Query(rate(m.TRANSACTIONS), "committed"),
                Query(rate(m.FENCED), "fenced"),
                Query(rate(m.STALE), "stale group"),
                Query(rate(m.UNKNOWN), "outcome unknown"),
            ),
        ),
        Panel(
            "Posts dropped in flight",
            "cps",
            (Query(rate(m.DISCARDED, ("cause",)), "{{cause}}"),),
            stacked=True,
        ),
        Panel("Partitions", "short", (Query(selected(m.PARTITIONS), "{{instance}}"),), stacked=True),
        Panel("Rebalances", "cps", (Query(rate(m.REBALANCES, ("kind",)), "{{kind}}"),)),
        Panel(
            "Since the main loop turned",
            "s",
            (Query(f"time() - {selected(m.LAST_TURN)} > 0 < 1e9", "{{instance}}"),),
            note="A process that has not turned yet, because it loads its model, is left out.",
        ),
    ),
)

DEAD_LETTERS: Final = Row(
    "Dead letters",
    (
        Panel(
            "Dead letters by reason",
            "cps",
            (Query(rate(m.DEAD_LETTERS, ("stage", "reason")), "{{stage}}: {{reason}}"),),
            stacked=True,
        ),
        Panel(
            "Share of dead letters",
            "percentunit",
            (Query(f"{rate(m.DEAD_LETTERS)} / {rate(m.COMMITTED)}", "of all posts"),),
        ),
        Panel("Stopped by dead letters", "short", (Query(total(m.BREAKER), "processes"),)),
    ),
)
