"""Alerts of the way from topic to topic: lag, progress, dead letters, transactions."""

from __future__ import annotations

from typing import Final

from worker import metrics as m
from worker.monitoring.promql import name
from worker.monitoring.rules import HERE, JOB, PROCESS, THERE, Alert, Recorded

LAG: Final = "flagstaff:lag_posts:sum"

RECORDED: Final = (Recorded(LAG, f"sum by ({JOB}) ({name(m.LAG)})"),)

# More than five minutes' work, at the present rate, and more of it all the time.
_LAG_GROWS: Final = (
    f"{LAG} / sum by ({JOB}) (rate({name(m.COMMITTED)}[10m])) > 300\nand on ({JOB}) deriv({LAG}[15m]) > 0"
)

ALERTS: Final = (
    Alert(
        "FlagstaffLagGrowing",
        _LAG_GROWS,
        "15m",
        "warning",
        f"{HERE}: the lag grows, and is {{{{ $value | humanizeDuration }}}} of work already",
        "More posts come in than are decided. Flags come late. Add workers, up to one process a partition.",
    ),
    Alert(
        "FlagstaffNoProgress",
        f"increase({name(m.COMMITTED)}[5m]) == 0\n"
        f"and on ({PROCESS}) (\n"
        f"  max by ({PROCESS}) ({name(m.LAG)}) > 1\n"
        f"  or max by ({PROCESS}) ({name(m.IN_FLIGHT)}) > 0\n"
        ")",
        "5m",
        "critical",
        f"{THERE}: posts wait, and none was committed for ten minutes",
        "Its partitions stand still. Kafka does not answer it, or its detector hangs on a post.",
    ),
    Alert(
        "FlagstaffLoopStuck",
        f"time() - {name(m.LAST_TURN)} > 120\nand {name(m.LAST_TURN)} > 0",
        "1m",
        "critical",
        f"{THERE}: the main loop has not turned for {{{{ $value | humanizeDuration }}}}",
        "The process runs and does nothing; `/live` says so too. Something restarts it, or should.",
    ),
    Alert(
        "FlagstaffRestarting",
        f"changes(process_start_time_seconds[30m]) > 2\n"
        f"and on ({PROCESS}) count_over_time({name(m.PARTITIONS)}[30m])",
        "0m",
        "critical",
        f"{THERE}: started anew {{{{ $value }}}} times in half an hour",
        "It ends again and again: a post kills it, a breaker trips, or it is fenced. Its log says why.",
    ),
    Alert(
        "FlagstaffDeadLetters",
        f"sum by ({JOB}) (increase({name(m.DEAD_LETTERS)}[15m]))\n"
        f"/ sum by ({JOB}) (increase({name(m.COMMITTED)}[15m])) > 0.01\n"
        f"and on ({JOB}) sum by ({JOB}) (increase({name(m.DEAD_LETTERS)}[15m])) > 10",
        "5m",
        "warning",
        f"{HERE}: {{{{ $value | humanizePercentage }}}} of the posts become dead letters",
        "A producer writes what can't be read, or the detector or a signal fails on posts. They are kept.",
    ),
    Alert(
        "FlagstaffDeadLetterBreaker",
        f"max by ({JOB}) (max_over_time({name(m.BREAKER)}[10m])) == 1",
        "0m",
        "critical",
        f"{HERE}: stopped, because too many posts became dead letters",
        "It ends with exit code 3 and commits none of the rest, and so again until that is mended.",
    ),
    Alert(
        "FlagstaffFenced",
        f"increase({name(m.FENCED)}[15m]) > 2",
        "0m",
        "critical",
        f"{THERE}: fenced {{{{ $value | humanize }}}} times in a quarter of an hour",
        "Another worker uses the same transactional id or group instance id. Nothing is lost or doubled.",
    ),
    Alert(
        "FlagstaffUnknownOutcomes",
        f"sum by ({JOB}) (increase({name(m.UNKNOWN)}[15m])) > 3",
        "0m",
        "warning",
        f"{HERE}: {{{{ $value | humanize }}}} transactions without a known outcome",
        "Kafka takes commits and does not answer in time. Nothing is lost or doubled; each costs a stall.",
    ),
    Alert(
        "FlagstaffGpuIdle",
        f"avg by ({JOB}) (rate({name(m.GPU_SECONDS)}[10m]) and {name(m.GPU_SECONDS)} > 0) < 0.5\n"
        f"and on ({JOB}) (\n  {_LAG_GROWS.replace(chr(10), chr(10) + '  ')}\n)",
        "15m",
        "warning",
        f"{HERE}: the GPU works {{{{ $value | humanizePercentage }}}} of the time while the lag grows",
        "Something before or behind the model sets the pace: tokenising, Redis, Kafka, or too small batches.",
    ),
)
