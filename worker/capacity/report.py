"""A plan as a table for people, with what it rests on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from worker.capacity.arrivals import mean_tokens
from worker.capacity.sizing import post_bytes, published_share

if TYPE_CHECKING:
    from worker.capacity.costs import Costs
    from worker.capacity.planning import Plan
    from worker.capacity.scenario import Load, Scenario
    from worker.capacity.trial import Behaviour
    from worker.settings import Settings

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def table(plan: Plan, scenario: Scenario, assumed: list[str]) -> str:
    """Lines for a terminal."""
    stored = plan.storage
    rows = [
        ("devices" if scenario.engine.kind == "gpu" and _named(scenario) else "workers", f"{plan.devices:,}"),
        ("processes on them", f"{plan.workers:,}"),
        ("partitions of the posts topic", f"{plan.partitions:,}"),
        ("one worker decides at most", f"{plan.limit_posts_per_s:,.0f} posts/s"),
        ("", ""),
        ("busiest worker, all zones", _said(plan.with_all)),
    ]
    if plan.zone_lost is not None:
        rows += [
            (f"busiest of {plan.survivors:,}, a zone lost", _said(plan.zone_lost)),
            ("lost partitions without an owner", f"{plan.pause_s:.0f} s"),
            ("caught up after", f"{plan.catch_up_s:.0f} s"),
        ]
    rows.append(("", ""))
    rows += [(f"Redis, {name}", _known(found)) for name, found in stored.redis_bytes.items()]
    rows += [
        ("Redis, together", _bytes(stored.redis_total)),
        ("Kafka, posts a day", _bytes(stored.posts_bytes_per_day)),
        ("Kafka, flags a day", _bytes(stored.flags_bytes_per_day)),
        ("Kafka, kept, all copies", _bytes(stored.kafka_bytes_retained)),
    ]
    rows += [
        (f"network at the peak, {name.replace('_', ' ')}", f"{_bytes(found)}/s")
        for name, found in stored.network_bytes_per_s.items()
    ]
    costs = plan.costs_per_month
    priced = costs | ({"of what has a price": sum(costs.values())} if costs else {})
    rows += [
        (f"a month, {name}", f"{amount:,.2f} {scenario.prices.currency}".rstrip())
        for name, amount in priced.items()
    ]
    lines = [f"{name:38}{value}".rstrip() for name, value in rows]
    return "\n".join([*lines, "", "Assumed:", *(f"- {one}" for one in assumed)])


def assumptions(plan: Plan, scenario: Scenario, settings: Settings, costs: Costs) -> list[str]:
    """What the figures rest on, a sentence or two each."""
    load, lengths, cluster = scenario.load, scenario.posts, scenario.cluster
    stream = settings.stream
    drawn = f"median {lengths.median:g} tokens, sigma {lengths.sigma:g}, {lengths.least} to {lengths.most}"
    share = published_share(scenario, settings)
    found = [
        f"Costs of the worker's steps: measured on {costs.measured_on}.",
        _engine(scenario, costs),
        f"{load.peak_rate:,g} posts/s in the busiest hour, {load.mean_rate:,g} over the day.",
        _arrivals(load),
        f"Lengths are lognormal: {drawn}; {mean_tokens(lengths):.1f} on average.",
        f"A record has {post_bytes(scenario):,.0f} bytes.",
        f"{load.duplicates:.0%} of the posts find their score in the cache.",
        f"For {share:.0%} of the posts a record is published.",
        f"Keys spread the posts over the partitions; the busiest one has {load.hottest:g} times the mean.",
        f"A batch waits {settings.detector.max_latency_ms} ms at most.",
        f"A transaction is due every {stream.transaction_interval_ms} ms.",
        f"{stream.in_flight_posts:,} posts are in flight at most.",
        f"A worker has {cluster.cores:g} cores to itself. Brokers and Redis run elsewhere and keep up.",
    ]
    if plan.zone_lost is not None:
        found += [
            f"One of {cluster.zones} zones is lost with all its workers, and none is started in their place.",
            f"Others own its partitions {plan.pause_s:g} s after the loss.",
            "What waited in those partitions is read before what comes in.",
        ]
    if plan.redis_servers > 1:
        found += [
            f"Redis would be the limit: what was waited for is work for {plan.redis_servers:.1f} servers.",
            "A worker has one Redis address: enable fewer signals that remember.",
        ]
    found.append(f"The busiest worker is simulated; the others have less to do. Seed {plan.seed}.")
    return found


def _arrivals(load: Load) -> str:
    bursts = load.bursts
    if bursts.factor == 1:
        return "Arrivals are Poisson, without bursts beyond chance."
    return (
        f"Arrivals are Poisson, {bursts.factor:g} times as many for {bursts.lasts_s:g} s in every "
        f"{bursts.every_s:g} s."
    )


def _engine(scenario: Scenario, costs: Costs) -> str:
    engine = scenario.engine
    if not _named(scenario):
        return f"Engine: as measured with the costs, batches of {costs.token_budget:,} tokens."
    if engine.tokens_per_s is not None:
        rate = f"{engine.tokens_per_s:,.0f} tokens/s"
    else:
        rate = f"{engine.posts_per_s:,.0f} posts/s of these lengths"
    cores = "computes beside Python" if engine.kind == "gpu" else "shares the worker's cores"
    return (
        f"Engine: {rate} a device, shared evenly by {engine.processes} process(es), batches of "
        f"{engine.token_budget:,} tokens; it {cores}. Encoding costs what the costs file says."
    )


def _named(scenario: Scenario) -> bool:
    return scenario.engine.tokens_per_s is not None or scenario.engine.posts_per_s is not None


def _said(found: Behaviour) -> str:
    return (
        f"{found.posts_per_s:,.0f} posts/s, p50 {found.p50_ms:.0f} ms, p99 {found.p99_ms:.0f} ms, "
        f"model busy {found.scoring:.0%}, interpreter {found.in_python:.0%}"
    )


def _known(count: float | None) -> str:
    return _bytes(count) if count is not None else "unknown: give cluster.authors (--authors)"


def _bytes(count: float) -> str:
    power = min(len(_UNITS) - 1, int(math.log(count, 1000))) if count >= 1 else 0
    return f"{count / 1000**power:,.1f} {_UNITS[power]}"
