"""The smallest fleet that meets the goal with a zone lost, found by simulating its busiest worker."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from worker.capacity.arrivals import mean_tokens
from worker.capacity.costs import Affine
from worker.capacity.fleet import fleet_of, least_devices
from worker.capacity.simulation import Shape
from worker.capacity.sizing import Storage, monthly_costs, post_bytes, published_share, storage
from worker.capacity.trial import Behaviour, Trial
from worker.errors import FlagstaffError

if TYPE_CHECKING:
    from worker.capacity.costs import Costs
    from worker.capacity.fleet import Fleet
    from worker.capacity.scenario import Scenario
    from worker.capacity.trial import TakeOver
    from worker.settings import Settings

# A load so near the limit is not worth a simulation: the queue grows for as long as one looks.
_FULL: Final = 0.995
# Steps by which a fleet grows while the goal is not met.
_GROWTH: Final = 1.1
_TRIES: Final = 64


class Plan(Struct, frozen=True, kw_only=True):
    """What is needed.

    Attributes:
        devices: GPUs, or CPU workers.
        workers: processes on them, together.
        partitions: of the posts topic.
        partitions_of_busiest: with a zone lost.
        limit_posts_per_s: what one worker decides at most.
        with_all: the busiest worker with all zones.
        zone_lost: the busiest worker that is left, once it has caught up; null with one zone.
        survivors: workers that are left.
        pause_s: for which the lost zone's partitions have no owner.
        catch_up_s: from the loss until posts are within the goal again.
        redis_servers: work for Redis at the peak, in servers, by what was waited for when it was measured.
        storage: Redis memory, Kafka bytes, network.
        costs_per_month: of what has a price.
        seed: of all that was drawn.
    """

    devices: int
    workers: int
    partitions: int
    partitions_of_busiest: int
    limit_posts_per_s: float
    with_all: Behaviour
    zone_lost: Behaviour | None
    survivors: int
    pause_s: float | None
    catch_up_s: float | None
    redis_servers: float
    storage: Storage
    costs_per_month: dict[str, float]
    seed: int


def with_engine(costs: Costs, scenario: Scenario) -> Costs:
    """The costs, with the scenario's engine in place of the measured model where it names one."""
    engine = scenario.engine
    tokens_per_s = engine.tokens_per_s
    if engine.posts_per_s is not None:
        tokens_per_s = engine.posts_per_s * mean_tokens(scenario.posts)
    if tokens_per_s is None:
        return costs
    seconds = engine.processes / tokens_per_s
    cores = scenario.cluster.cores if engine.kind == "cpu" else 0.0
    # On a GPU a run has one size, full or not.
    score = Affine(0.0, seconds * cores) if cores else Affine(seconds * engine.token_budget, 0.0)
    return msgspec.structs.replace(
        costs,
        score=score,
        score_alone=Affine(score.fixed, seconds if cores else 0.0),
        score_cores=cores,
        score_in_python=0.0,
        token_budget=engine.token_budget,
    )


def plan(scenario: Scenario, settings: Settings, costs: Costs, *, seed: int = 1) -> Plan:
    """Finds the smallest fleet.

    Args:
        scenario: what is asked.
        settings: the worker's own: batch wait, transactions, budgets in flight, session time-out.
        costs: of its steps.
        seed: of all that is drawn.

    Raises:
        FlagstaffError: no fleet meets the goal.
    """
    costs = with_engine(costs, scenario)
    share = published_share(scenario, settings)
    shape = Shape(
        cores=scenario.cluster.cores,
        token_budget=settings.detector.token_budget or costs.token_budget,
        max_latency_s=settings.detector.max_latency_ms / 1000,
        stream=settings.stream,
        post_bytes=post_bytes(scenario),
    )
    trial = Trial(scenario, costs, shape, published=share, seed=seed)
    return _Search(scenario, settings, trial, seed).found(costs)


class _Search:
    def __init__(self, scenario: Scenario, settings: Settings, trial: Trial, seed: int) -> None:
        self._scenario, self._settings, self._trial, self._seed = scenario, settings, trial, seed
        self._limit = trial.limit()
        self._lost = scenario.cluster.zones > 1
        self._pause_s = settings.kafka.session_timeout_ms / 1000 + scenario.cluster.rebalance_s

    def found(self, costs: Costs) -> Plan:
        scenario = self._scenario
        fleet = self._within_latency()
        taken = None
        if self._lost:
            fleet, taken = self._caught_up(fleet)
        stored = storage(scenario, self._settings)
        waited = costs.prepare_wait.each + costs.decide_wait.each
        return Plan(
            devices=fleet.devices,
            workers=fleet.workers,
            partitions=fleet.partitions,
            partitions_of_busiest=math.ceil(fleet.partitions / fleet.survivors),
            limit_posts_per_s=self._limit,
            with_all=self._trial.steady(self._rate(fleet, lost=False)),
            zone_lost=taken.after if taken is not None else None,
            survivors=fleet.survivors,
            pause_s=self._pause_s if taken is not None else None,
            catch_up_s=taken.catch_up_s if taken is not None else None,
            redis_servers=scenario.load.peak_rate * waited,
            storage=stored,
            costs_per_month=monthly_costs(scenario.prices, stored, fleet.devices, scenario),
            seed=self._seed,
        )

    def _caught_up(self, fleet: Fleet) -> tuple[Fleet, TakeOver]:
        """The fleet, grown until the busiest worker that is left catches up in time."""
        goal_s = self._scenario.goal.catch_up_s
        for _ in range(_TRIES if self._pause_s < goal_s else 0):
            taken = self._trial.take_over(
                self._rate(fleet, lost=False),
                self._rate(fleet, lost=True),
                limit=self._limit,
                pause_s=self._pause_s,
                longest_s=goal_s,
            )
            if taken.catch_up_s <= goal_s:
                return fleet, taken
            fleet = self._fleet(fleet.devices + max(1, fleet.devices // 20))
        raise FlagstaffError(
            f"plan: the goal can't be met: {fleet.devices} devices don't catch up within goal.catch_up_s "
            f"{goal_s:g} either; a lost zone's partitions have no owner for {self._pause_s:g} s "
            "(kafka.session_timeout_ms, cluster.rebalance_s)"
        )

    def _fleet(self, devices: int) -> Fleet:
        cluster = self._scenario.cluster
        return fleet_of(devices, self._scenario.engine.processes, cluster.zones, cluster.partitions)

    def _rate(self, fleet: Fleet, *, lost: bool) -> float:
        load = self._scenario.load
        return fleet.busiest(load.peak_rate, load.hottest, lost=lost)

    def _within_latency(self) -> Fleet:
        """The smallest fleet whose busiest worker keeps to the goal with the zone lost and caught up."""
        self._check_possible()
        bad, devices = 0, least_devices(self._scenario.cluster.zones)
        devices = max(
            devices, int(self._scenario.load.peak_rate / self._limit / self._scenario.engine.processes)
        )
        while not self._fits(self._fleet(devices)):
            bad = devices
            if self._only_partitions_short(devices):
                raise FlagstaffError(
                    "plan: the goal can't be met with cluster.partitions "
                    f"{self._scenario.cluster.partitions}: one partition alone is too much for a "
                    f"worker, which decides {self._limit:,.0f} posts/s at most"
                )
            devices = max(devices + 1, int(devices * _GROWTH))
        while devices - bad > 1:
            middle = (bad + devices) // 2
            if middle >= least_devices(self._scenario.cluster.zones) and self._fits(self._fleet(middle)):
                devices = middle
            else:
                bad = middle
        return self._fleet(devices)

    def _only_partitions_short(self, devices: int) -> bool:
        given = self._scenario.cluster.partitions
        return given is not None and self._fleet(devices).survivors >= given

    def _fits(self, fleet: Fleet) -> bool:
        rate = self._rate(fleet, lost=self._lost)
        if rate >= _FULL * self._limit:
            return False
        return self._trial.steady(rate).p99_ms <= self._scenario.goal.p99_ms

    def _check_possible(self) -> None:
        """Whether a worker with little to do keeps to the goal.

        Raises:
            FlagstaffError: it does not, so more of them don't help.
        """
        best = min(self._trial.steady(self._limit * part).p99_ms for part in (0.02, 0.2, 0.5))
        if best > self._scenario.goal.p99_ms:
            raise FlagstaffError(
                f"plan: the goal can't be met: at a p99 of {best:.0f} ms or more, workers that have "
                f"little to do are above goal.p99_ms {self._scenario.goal.p99_ms:g} already; lower "
                "stream.transaction_interval_ms or detector.max_latency_ms, or take a faster engine"
            )
