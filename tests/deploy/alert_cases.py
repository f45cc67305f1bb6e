"""For each alert, what makes it fire and what does not; close to its thresholds on either side."""

from __future__ import annotations

from tests.deploy.alert_case import WHERE, Case

JOB = {"namespace": WHERE["namespace"], "job": WHERE["job"]}

# A hundred posts a second are committed. The lag grows by 20 seconds' work a minute, or is large and stays.
COMMITTED = {"flagstaff_committed_posts_total": "0+6000x60"}
GROWING = {
    'flagstaff_lag_posts{partition="0"}': "0+1500x60",
    'flagstaff_lag_posts{partition="1"}': "0+500x60",
}
STAYING = {'flagstaff_lag_posts{partition="0"}': "100000x60"}

LAG = [
    Case(
        "FlagstaffLagGrowing",
        COMMITTED | GROWING,
        quiet=(29,),
        firing=(32,),
        labels=JOB,
        summary="worker in moderation: the lag grows, and is 10m 40s of work already",
    ),
    Case("FlagstaffLagGrowing", COMMITTED | STAYING, quiet=(50,)),
]

PROGRESS = [
    Case(
        "FlagstaffNoProgress",
        {
            "flagstaff_committed_posts_total": "0+600x10 6000x60",
            'flagstaff_lag_posts{partition="0"}': "2x70",
            "flagstaff_in_flight_posts": "0x70",
        },
        quiet=(19,),
        firing=(21,),
        labels=WHERE,
        summary="a:9464 of worker in moderation: posts wait, and none was committed for ten minutes",
    ),
    Case(
        "FlagstaffNoProgress",
        {"flagstaff_committed_posts_total": "6000x70", "flagstaff_in_flight_posts": "1x70"},
        firing=(11,),
        labels=WHERE,
        summary="a:9464 of worker in moderation: posts wait, and none was committed for ten minutes",
    ),
    # Nothing is to be done; a transaction's marker counts as one.
    Case(
        "FlagstaffNoProgress",
        {
            "flagstaff_committed_posts_total": "6000x70",
            'flagstaff_lag_posts{partition="0"}': "1x70",
            'flagstaff_lag_posts{partition="1"}': "1x70",
            "flagstaff_in_flight_posts": "0x70",
        },
        quiet=(40,),
    ),
    # It is slow, and goes on.
    Case(
        "FlagstaffNoProgress",
        {
            "flagstaff_committed_posts_total": "0+1x70",
            'flagstaff_lag_posts{partition="0"}': "9000x70",
            "flagstaff_in_flight_posts": "9x70",
        },
        quiet=(40,),
    ),
    Case(
        "FlagstaffLoopStuck",
        {"flagstaff_last_turn_timestamp_seconds": "1+60x10 601x20"},
        quiet=(13,),
        firing=(14,),
        labels=WHERE,
        summary="a:9464 of worker in moderation: the main loop has not turned for 3m 59s",
    ),
    # It loads its model and has not turned yet.
    Case("FlagstaffLoopStuck", {"flagstaff_last_turn_timestamp_seconds": "0x30"}, quiet=(20,)),
    Case(
        "FlagstaffRestarting",
        {"process_start_time_seconds": "0x4 300x4 600x4 900x40", "flagstaff_assigned_partitions": "1x60"},
        quiet=(12, 50),
        firing=(16,),
        labels=WHERE,
        summary="a:9464 of worker in moderation: started anew 3 times in half an hour",
    ),
    # It is some other program's.
    Case(
        "FlagstaffRestarting",
        {
            'process_start_time_seconds{job="other"}': "0x4 300x4 600x4 900x40",
            "flagstaff_assigned_partitions": "1x60",
        },
        quiet=(16,),
    ),
]

DEAD_LETTERS = [
    Case(
        "FlagstaffDeadLetters",
        {
            'flagstaff_dead_letters_total{stage="decode",reason="not-json"}': "0x20 0+10x40",
            'flagstaff_dead_letters_total{stage="detect",reason="ValueError"}': "0x20 0+5x40",
            "flagstaff_committed_posts_total": "0+1000x60",
        },
        quiet=(34,),
        firing=(38,),
        labels=JOB,
        summary="worker in moderation: 1.5% of the posts become dead letters",
    ),
    Case(
        "FlagstaffDeadLetters",
        {
            'flagstaff_dead_letters_total{stage="decode",reason="not-json"}': "0+1x60",
            "flagstaff_committed_posts_total": "0+50x60",
        },
        firing=(40,),
        labels=JOB,
        summary="worker in moderation: 2% of the posts become dead letters",
    ),
    # Too few to say anything.
    Case(
        "FlagstaffDeadLetters",
        {
            'flagstaff_dead_letters_total{stage="decode",reason="not-json"}': "0+0.4x60",
            "flagstaff_committed_posts_total": "0+10x60",
        },
        quiet=(40,),
    ),
    Case(
        "FlagstaffDeadLetterBreaker",
        # The process ends, and its series with it.
        {"flagstaff_dead_letter_breaker_open": "0x10 1 _x30"},
        quiet=(9, 30),
        firing=(11, 18),
        labels=JOB,
        summary="worker in moderation: stopped, because too many posts became dead letters",
    ),
]

TRANSACTIONS = [
    Case(
        "FlagstaffFenced",
        {"flagstaff_fenced_total": "0x10 1 2 3x30"},
        quiet=(9, 40),
        firing=(20,),
        labels=WHERE,
        summary="a:9464 of worker in moderation: fenced 3 times in a quarter of an hour",
    ),
    # As in a rolling restart: one process after the other, once or twice each.
    Case(
        "FlagstaffFenced",
        {"flagstaff_fenced_total": "0x10 1 2x30", 'flagstaff_fenced_total{instance="b:9464"}': "0x10 1 2x30"},
        quiet=(20,),
    ),
    Case(
        "FlagstaffUnknownOutcomes",
        {
            "flagstaff_unknown_outcomes_total": "0x10 2x30",
            'flagstaff_unknown_outcomes_total{instance="b:9464"}': "0x10 2x30",
        },
        quiet=(9,),
        firing=(20,),
        labels=JOB,
        summary="worker in moderation: 4 transactions without a known outcome",
    ),
    Case("FlagstaffUnknownOutcomes", {"flagstaff_unknown_outcomes_total": "0x10 3x30"}, quiet=(20,)),
]

REDIS = [
    Case(
        "FlagstaffRedisBreakerOpen",
        {
            "flagstaff_redis_breaker_open": "0x10 1x30",
            'flagstaff_redis_breaker_open{instance="b:9464"}': "0x40",
        },
        quiet=(9, 15),
        firing=(17,),
        labels=JOB,
        summary="worker in moderation: Redis is left alone, by so many processes: 1",
    ),
    Case(
        "FlagstaffRedisFailing",
        {
            'flagstaff_redis_failures_total{purpose="signals"}': "0x20 0+1.5x40",
            "flagstaff_redis_breaker_open": "0x60",
        },
        quiet=(35,),
        firing=(39,),
        labels=JOB | {"purpose": "signals"},
        summary="worker in moderation: calls to Redis fail now and then (signals)",
    ),
    Case(
        "FlagstaffRedisFailing",
        {
            'flagstaff_redis_failures_total{purpose="signals"}': "0x20 0+1.5x40",
            "flagstaff_redis_breaker_open": "1x60",
        },
        quiet=(39,),
    ),
]

ACTIONS = [
    Case(
        "FlagstaffActionHeld",
        {
            'flagstaff_action_held{action="review"}': "0x10 1x20",
            'flagstaff_action_held{action="limit"}': "0x30",
        },
        quiet=(9,),
        firing=(12,),
        labels=JOB | {"action": "review"},
        summary="worker in moderation: `review` is held down to `label`",
    ),
    Case(
        "FlagstaffActionRateLow",
        {'flagstaff_action_rate_low{action="limit"}': "0x10 1x30"},
        quiet=(9, 20),
        firing=(22,),
        labels=JOB | {"action": "limit"},
        summary="worker in moderation: far fewer posts than usual get `limit`",
    ),
]


def _share(posts: float, before: float, after: float, *, held: int = 0, idle: int = 0) -> dict[str, str]:
    """So many posts each five minutes; a share of them is flagged, another one from minute 200 on.

    All of it begins later by `idle` minutes, in which nothing is decided.
    """
    nothing = f"0x{idle // 5 - 1} " if idle else ""
    flagged, then = posts * before, posts * after
    passed, later = posts - flagged, posts - then
    decisions = "flagstaff_decisions_total"
    return {
        f'{decisions}{{action="label"}}': f"{nothing}0+{flagged}x40 {40 * flagged + then}+{then}x25",
        f'{decisions}{{action="pass"}}': f"{nothing}0+{passed}x40 {40 * passed + later}+{later}x25",
        'flagstaff_action_held{action="review"}': f"{held}x140",
    }


def _far_off(posts: float, before: float, after: float, *, by: int = 260, idle: int = 0) -> Case:
    return Case(
        "FlagstaffFlagShareUnusual",
        _share(posts, before, after, idle=idle),
        quiet=(idle + 195, idle + by - 50),
        firing=(idle + by,),
        labels=JOB | {"action": "label"},
        summary=f"worker in moderation: {100 * after:g}% `label` is far off the usual",
        step=5,
    )


# 2 % are usual: more than 7 % and less than two thirds of one are far off.
SHARES = [
    _far_off(100, 0.02, 0.075, by=250),
    _far_off(350, 0.02, 0.005),
    # Most of the time there was nothing to decide.
    _far_off(100, 0.02, 0.075, by=250, idle=300),
    # Posts let through are not watched: what flags them is.
    _far_off(100, 0.02, 0.7),
    _far_off(100, 0.8, 0.2),
    *(
        Case("FlagstaffFlagShareUnusual", series, quiet=(300,), step=5)
        for series in (
            _share(100, 0.02, 0.068),
            _share(350, 0.02, 0.01),
            # 23 flags in half an hour, and 20 that are usual: chance.
            _share(50, 0.02, 0.075),
            _share(170, 0.02, 0.005),
            # The action-rate breaker says so already.
            _share(100, 0.02, 0.075, held=1),
        )
    ),
]

DETECTOR = [
    Case(
        "FlagstaffDetectorRefused",
        {'flagstaff_detector_switches_total{outcome="refused"}': "0x10 1x60"},
        quiet=(9, 50),
        firing=(12,),
        labels=JOB,
        summary="worker in moderation: a new detector or policy was refused",
    ),
    Case(
        "FlagstaffDetectorRefused",
        {
            'flagstaff_detector_switches_total{outcome="refused"}': "0x70",
            'flagstaff_detector_switches_total{outcome="switched"}': "0x10 1x60",
        },
        quiet=(12,),
    ),
    Case(
        "FlagstaffGpuIdle",
        COMMITTED | GROWING | {"flagstaff_gpu_seconds_total": "1+18x60"},
        quiet=(29,),
        firing=(32,),
        labels=JOB,
        summary="worker in moderation: the GPU works 30% of the time while the lag grows",
    ),
    Case("FlagstaffGpuIdle", COMMITTED | GROWING | {"flagstaff_gpu_seconds_total": "1+50x60"}, quiet=(50,)),
    Case("FlagstaffGpuIdle", COMMITTED | STAYING | {"flagstaff_gpu_seconds_total": "1+18x60"}, quiet=(50,)),
    # There is no GPU.
    Case("FlagstaffGpuIdle", COMMITTED | GROWING | {"flagstaff_gpu_seconds_total": "0x60"}, quiet=(50,)),
    Case(
        "FlagstaffShadowBehind",
        {
            'flagstaff_shadow_posts_total{outcome="decided"}': "0+2x70",
            'flagstaff_shadow_posts_total{outcome="skipped"}': "0+248x70",
        },
        quiet=(29,),
        firing=(32,),
        labels=JOB,
        summary="worker in moderation: the challenger decides 0.8% of its posts",
    ),
    Case(
        "FlagstaffShadowBehind",
        {
            'flagstaff_shadow_posts_total{outcome="decided"}': "0+3x70",
            'flagstaff_shadow_posts_total{outcome="skipped"}': "0+197x70",
        },
        quiet=(50,),
    ),
]

CASES = [*LAG, *PROGRESS, *DEAD_LETTERS, *TRANSACTIONS, *REDIS, *ACTIONS, *SHARES, *DETECTOR]
