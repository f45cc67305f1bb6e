"""Every metric of the worker, declared once: its name, its labels, what it means.

`docs/metrics.md` is generated from here. Each process of a worker serves its own metrics on its own port.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from worker.records import Action

if TYPE_CHECKING:
    from collections.abc import Iterable

REGISTRY: Final = CollectorRegistry(auto_describe=True)

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def _counter(name: str, meaning: str, *labels: str, known: Iterable[str] = ()) -> Counter:
    """A counter; `known` values of its only label are served from the start, at 0.

    Prometheus sees no increase from a series that is not there to its first value.
    """
    counter = Counter(f"flagstaff_{name}", meaning, labels, registry=REGISTRY)
    for value in known:
        counter.labels(value)
    return counter


def _gauge(name: str, meaning: str, *labels: str) -> Gauge:
    return Gauge(f"flagstaff_{name}", meaning, labels, registry=REGISTRY)


def _histogram(name: str, meaning: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
    return Histogram(f"flagstaff_{name}", meaning, labels, buckets=buckets, registry=REGISTRY)


POSTS: Final = _counter("posts_total", "Records read from the posts topic, committed or not.")
TOMBSTONES: Final = _counter("tombstones_total", "Records without a value (deleted posts), passed over.")
DECISIONS: Final = _counter(
    "decisions_total", "Posts decided and committed, by action.", "action", known=get_args(Action)
)
DEAD_LETTERS: Final = _counter(
    "dead_letters_total", "Dead letters committed, by stage and reason.", "stage", "reason"
)
COMMITTED: Final = _counter(
    "committed_posts_total", "Posts whose offsets are committed, whatever became of them."
)
DISCARDED: Final = _counter(
    "discarded_posts_total", "Posts dropped in flight, to be read again: by cause.", "cause"
)

LAG: Final = _gauge(
    "lag_posts", "Records between the group's position and the end of the partition.", "partition"
)
PARTITIONS: Final = _gauge("assigned_partitions", "Partitions that this process owns.")
IN_FLIGHT: Final = _gauge("in_flight_posts", "Posts between poll and commit.")
IN_FLIGHT_BYTES: Final = _gauge("in_flight_bytes", "Bytes of the records between poll and commit.")
PAUSED: Final = _gauge("paused", "1 while fetching is paused because the budget in flight is spent.")
BATCH_FILL: Final = _histogram("batch_fill", "Share of the token budget that a batch used.", _SHARES)
BATCH_TOKENS: Final = _counter("batch_tokens_total", "Tokens that went through the model.")
STAGE_SECONDS: Final = _histogram("stage_seconds", "Seconds a batch spent in a stage.", _SECONDS, "stage")
TOKEN_BUDGET: Final = _gauge(
    "token_budget", "Token budget in force; halved when the device runs out of memory."
)
GPU_SECONDS: Final = _counter("gpu_seconds_total", "Seconds in which a detector on a GPU scored a batch.")
OUT_OF_MEMORY: Final = _counter("out_of_memory_total", "Times that the device had no memory for a batch.")
ISOLATED: Final = _counter("isolated_posts_total", "Posts scored alone in a child process after a crash.")

DETECTOR_INFO: Final = _gauge("detector_info", "1 for the detector that decides now.", "name", "digest")
DETECTOR_SWITCHES: Final = _counter(
    "detector_switches_total",
    "Reloads of detector and policy by outcome: switched, unchanged, refused.",
    "outcome",
    known=("switched", "unchanged", "refused"),
)

STAGE: Final = _gauge(
    "stage", "1 for the stage of the release that this process follows: off, shadow, share, all.", "stage"
)
STAGE_SHARE: Final = _gauge("stage_share", "Share of the authors for whom the challenger decides.")
SHADOW_POSTS: Final = _counter(
    "shadow_posts_total",
    "Posts that the challenger was to decide beside the live one: decided, skipped (no room), failed, lost "
    "(not published).",
    "outcome",
    known=("decided", "skipped", "failed", "lost"),
)
SHADOW_DECISIONS: Final = _counter(
    "shadow_decisions_total", "What the challenger would have done, and what was done.", "action", "live"
)
SHADOW_SECONDS: Final = _counter("shadow_seconds_total", "Seconds spent on deciding beside the live one.")
SHADOW_WAITING: Final = _gauge("shadow_waiting_posts", "Posts that wait to be decided beside the live one.")
SHADOW_SIGNALS_MISSING: Final = _counter(
    "shadow_signals_missing_total", "The challenger's own signals that could not be read, by name.", "signal"
)

CACHE: Final = _counter(
    "cache_lookups_total",
    "Score look-ups by result: hit, miss, unavailable.",
    "result",
    known=("hit", "miss", "unavailable"),
)
REDIS_FAILURES: Final = _counter("redis_failures_total", "Calls to Redis that failed, by purpose.", "purpose")
REDIS_BREAKER: Final = _gauge("redis_breaker_open", "1 while Redis is left alone after failures.")
SIGNALS_MISSING: Final = _counter(
    "signals_missing_total", "Signals that could not be read, by name.", "signal"
)

REBALANCES: Final = _counter("rebalances_total", "Changes of this process's partitions, by kind.", "kind")
FENCED: Final = _counter("fenced_total", "Transactions refused because another worker took over.")
STALE: Final = _counter("stale_group_total", "Transactions refused because the group had moved on.")
UNKNOWN: Final = _counter(
    "unknown_outcomes_total", "Transactions whose outcome is not known; their posts are read again."
)
TRANSACTIONS: Final = _counter("transactions_total", "Transactions committed.")
BREAKER: Final = _gauge("dead_letter_breaker_open", "1 once too many dead letters have stopped the worker.")
ACTION_RATE: Final = _gauge(
    "action_rate",
    "Share of the latest thousand or so decided posts with this action by the policy.",
    "action",
)
ACTION_USUAL_RATE: Final = _gauge(
    "action_usual_rate", "The usual share of this action that its rate is tested against.", "action"
)
ACTION_RATE_LOW: Final = _gauge(
    "action_rate_low", "1 while the share of this action is far below the usual one.", "action"
)
ACTION_HELD: Final = _gauge("action_held", "1 while this action is held down to `label`.", "action")
HELD_FLAGS: Final = _counter(
    "held_flags_total", "Flags held down to `label`, by the policy's action, committed or not.", "action"
)
LAST_TURN: Final = _gauge(
    "last_turn_timestamp_seconds", "When the main loop last turned, in seconds since 1970."
)


# CPU seconds, memory, open files and start of the process, under their usual names; on Linux only.
ProcessCollector(registry=REGISTRY)


class Declared(NamedTuple):
    """A metric as it is declared.

    Attributes:
        name: as it is served; a histogram's series carry `_bucket`, `_sum` and `_count` behind it.
        kind: `counter`, `gauge` or `histogram`.
        labels: names of its labels.
        meaning: in one sentence.
    """

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str


def declared(collector: Counter | Gauge | Histogram) -> Declared:
    """What was declared of a metric."""
    (family,) = collector.describe()
    suffix = "_total" if family.type == "counter" else ""
    labels = tuple(collector._labelnames)  # noqa: SLF001 - the library tells label names nowhere else
    return Declared(family.name + suffix, family.type, labels, family.documentation)


def metrics_table() -> list[Declared]:
    """Every metric, in the order of declaration."""
    return [declared(value) for value in globals().values() if isinstance(value, Counter | Gauge | Histogram)]
