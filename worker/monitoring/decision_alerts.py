"""Alerts of what the decisions rest on: flags by action, detector, Redis, challenger."""

from __future__ import annotations

from typing import Final

from worker import metrics as m
from worker.monitoring.promql import name
from worker.monitoring.rules import HERE, JOB, Alert, Recorded

DECIDED: Final = "flagstaff:decided_posts:increase30m"
SHARE: Final = "flagstaff:action_share:30m"
USUAL: Final = "flagstaff:action_share:usual"
_WATCHED: Final = f'{SHARE}{{action=~"label|review|limit|abstain"}}'

RECORDED: Final = (
    Recorded(DECIDED, f"sum by ({JOB}) (increase({name(m.DECISIONS)}[30m]))"),
    # Nothing where nothing was decided: 0 / 0 would be taken for a share.
    Recorded(
        SHARE,
        f"sum by ({JOB}, action) (increase({name(m.DECISIONS, 'action')}[30m]))\n"
        f"/ on ({JOB}) group_left () ({DECIDED} > 0)",
    ),
    # The median of a day: trouble in less than half of it does not become the usual.
    Recorded(USUAL, f"quantile_over_time(0.5, {SHARE}[1d])"),
)

ALERTS: Final = (
    Alert(
        "FlagstaffRedisBreakerOpen",
        f"sum by ({JOB}) ({name(m.REDIS_BREAKER)}) > 0",
        "5m",
        "warning",
        f"{HERE}: Redis is left alone, by so many processes: {{{{ $value }}}}",
        "Redis fails: scores are computed again, and signals are missing in the flags. The worker is slower.",
    ),
    Alert(
        "FlagstaffRedisFailing",
        f"sum by ({JOB}, purpose) (increase({name(m.REDIS_FAILURES, 'purpose')}[10m])) > 10\n"
        f"unless on ({JOB}) sum by ({JOB}) ({name(m.REDIS_BREAKER)}) > 0",
        "10m",
        "warning",
        f"{HERE}: calls to Redis fail now and then ({{{{ $labels.purpose }}}})",
        "Not often enough to be left alone. Some posts are scored again or lack signals.",
    ),
    Alert(
        "FlagstaffActionHeld",
        f"max by ({JOB}, action) ({name(m.ACTION_HELD, 'action')}) == 1",
        "0m",
        "critical",
        f"{HERE}: `{{{{ $labels.action }}}}` is held down to `label`",
        "Far more posts than usual got it. It stays held until a person lifts it: `flagstaff hold lift`.",
    ),
    Alert(
        "FlagstaffActionRateLow",
        f"max by ({JOB}, action) ({name(m.ACTION_RATE_LOW, 'action')}) == 1",
        "10m",
        "warning",
        f"{HERE}: far fewer posts than usual get `{{{{ $labels.action }}}}`",
        "The detector, a signal or the policy may have stopped finding anything.",
    ),
    Alert(
        "FlagstaffFlagShareUnusual",
        "(\n"
        f"  {_WATCHED} > 3 * {USUAL} + 0.01\n"
        f"  and on ({JOB}, action) {SHARE} * on ({JOB}) group_left () {DECIDED} > 30\n"
        "  or\n"
        f"  {_WATCHED} < {USUAL} / 3\n"
        f"  and on ({JOB}, action) {USUAL} * on ({JOB}) group_left () {DECIDED} > 30\n"
        ")\n"
        f"unless on ({JOB}) max by ({JOB}) ({name(m.ACTION_HELD)}) == 1",
        "15m",
        "critical",
        f"{HERE}: {{{{ $value | humanizePercentage }}}} `{{{{ $labels.action }}}}` is far off the usual",
        "Half an hour against the median of a day: a detector gone wrong, other posts, or a new policy.",
    ),
    Alert(
        "FlagstaffDetectorRefused",
        f'sum by ({JOB}) (increase({name(m.DETECTOR_SWITCHES)}{{outcome="refused"}}[30m])) > 0',
        "0m",
        "warning",
        f"{HERE}: a new detector or policy was refused",
        "The workers go on with what they have. The log line `detector_refused` says what is wrong.",
    ),
    Alert(
        "FlagstaffShadowBehind",
        f'sum by ({JOB}) (rate({name(m.SHADOW_POSTS, "outcome")}{{outcome="decided"}}[30m]))\n'
        f"/ sum by ({JOB}) (rate({name(m.SHADOW_POSTS)}[30m])) < 0.01",
        "30m",
        "warning",
        f"{HERE}: the challenger decides {{{{ $value | humanizePercentage }}}} of its posts",
        "Its gates learn next to nothing: it fails on posts, its topic is away, or its time is too short.",
    ),
)
