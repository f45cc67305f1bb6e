"""Plans: they grow with the load, meet their goal, and say why where none does."""

from __future__ import annotations

import functools
import json
import math
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.support.capacity import USUAL, costs
from tests.support.command import flagstaff
from worker.capacity.costs import Affine
from worker.capacity.engine_figures import engine_options
from worker.capacity.fleet import Fleet, fleet_of
from worker.capacity.footprint import SCORE
from worker.capacity.planning import Plan, plan
from worker.capacity.scenario_file import load_scenario
from worker.capacity.sizing import storage
from worker.errors import FlagstaffError, SettingsError
from worker.settings import PREFIX, Settings, load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.capacity.conftest import Write
    from worker.capacity.scenario import Scenario

GPU = {"engine.tokens_per_s": 1_000_000.0}
# A simulation lasts as long as the time that it looks at: a lost zone that is noticed sooner, and bursts that
# come more often with the same share of the time, leave less of it to look at.
QUICK = {"KAFKA__SESSION_TIMEOUT_MS": "6000"}
BURSTS = {"load.bursts.lasts_s": 0.6, "load.bursts.every_s": 6.0}


def asked(**over: Any) -> Scenario:
    """A scenario of options; two underscores for a dot."""
    return load_scenario(None, {name.replace("__", "."): value for name, value in over.items()})


@functools.cache
def planned(**over: Any) -> Plan:
    """A plan, shared by the tests that ask the same."""
    return plan(asked(**over), quick(), USUAL)


def quick() -> Settings:
    return load_settings(environ={f"{PREFIX}{name}": value for name, value in QUICK.items()})


def test_the_smallest_fleet_that_meets_the_goal_with_a_zone_lost() -> None:
    found = planned(load__peak=1_000.0)
    lost = found.zone_lost
    assert lost is not None
    assert found.catch_up_s is not None
    assert lost.p99_ms <= 1_000
    assert (found.pause_s or 0) < found.catch_up_s <= 600
    assert found.survivors == found.workers - math.ceil(found.workers / 3)
    assert found.survivors * found.limit_posts_per_s > 1_000
    assert lost.posts_per_s == pytest.approx(1_000 * found.partitions_of_busiest / found.partitions)
    # One device fewer would be too few for the rate, or late.
    fewer = fleet_of(found.devices - 1, 1, 3, None).busiest(1_000, 1.0, lost=True)
    assert fewer > lost.posts_per_s


def test_more_load_needs_no_fewer_workers() -> None:
    workers = [planned(load__peak=peak).workers for peak in (100.0, 1_000.0, 1_600.0)]
    assert workers == sorted(workers)
    assert workers[-1] > workers[0]


def test_what_makes_it_easier_saves_workers() -> None:
    usual = planned(load__peak=1_600.0).workers
    assert planned(load__peak=1_600.0, load__duplicates=0.5).workers < usual
    assert planned(load__peak=1_600.0, posts__median=15.0).workers < usual
    assert planned(load__peak=1_600.0, cluster__zones=1).workers < usual
    assert planned(load__peak=1_600.0, load__bursts__factor=3.0, **BURSTS).workers >= usual


def test_a_plan_is_the_same_for_the_same_seed() -> None:
    assert plan(asked(load__peak=100.0), quick(), USUAL) == planned(load__peak=100.0)


def test_ten_million_posts_a_second_take_seconds() -> None:
    began = time.process_time()
    found = planned(load__peak=10_000_000.0, load__bursts__factor=2.0, cluster__cores=4.0, **BURSTS, **GPU)
    assert time.process_time() - began < 60
    assert found.zone_lost is not None
    assert found.zone_lost.p99_ms <= 1_000
    assert found.survivors * found.limit_posts_per_s > 10_000_000


def test_a_goal_that_nothing_meets_is_told() -> None:
    with pytest.raises(FlagstaffError, match=r"above goal\.p99_ms 50 already; lower stream"):
        planned(load__peak=100.0, goal__p99_ms=50.0)
    with pytest.raises(FlagstaffError, match=r"no owner for 11 s"):
        planned(load__peak=1_000.0, goal__catch_up_s=10.0)
    with pytest.raises(FlagstaffError, match=r"one partition alone is too much for a worker"):
        planned(load__peak=100_000.0, cluster__partitions=12)


def test_partitions_suit_the_workers_that_are_left() -> None:
    for devices in range(2, 40):
        fleet = fleet_of(devices, 2, 3, None)
        assert fleet.partitions % fleet.workers == 0
        assert fleet.busiest(1.0, 1.0, lost=True) * fleet.survivors <= 1.1 + 1e-9
    assert fleet_of(7, 1, 3, 24) == Fleet(7, 1, 3, 24)
    assert Fleet(6, 1, 3, 12).busiest(120, 1.5, lost=False) == pytest.approx(25)


def test_storage_by_arithmetic() -> None:
    scenario = asked(
        load__peak=100.0,
        load__mean=10.0,
        load__duplicates=0.5,
        cluster__post_bytes=1_000.0,
        cluster__authors=1e4,
    )
    found = storage(scenario, Settings())
    assert found.posts_bytes_per_day == 10 * 86_400 * 1_000
    assert found.redis_bytes["scores"] == pytest.approx(10 * 7 * 86_400 * 0.5 * SCORE)
    assert found.network_bytes_per_s["between_brokers"] > 2 * 100 * 1_000
    assert found.redis_bytes.keys() == {
        "scores",
        "posting_rate",
        "duplicate_text",
        "near_duplicate",
        "author_record",
    }
    nameless = storage(asked(load__peak=100.0), Settings()).redis_bytes
    assert nameless["author_record"] is nameless["posting_rate"] is None
    less = load_settings(environ={"FLAGSTAFF_SIGNALS__ENABLED": "link_share,posting_rate"})
    assert storage(scenario, less).redis_bytes.keys() == {"scores", "posting_rate"}


def test_only_what_has_a_price_costs() -> None:
    assert planned(load__peak=100.0).costs_per_month == {}
    found = planned(load__peak=100.0, prices__device_hour=2.0, prices__kafka_gb_month=0.1)
    stored = found.storage.kafka_bytes_retained / 1e9
    assert found.costs_per_month == {
        "devices": pytest.approx(2 * 730 * found.devices),
        "kafka": pytest.approx(0.1 * stored),
    }


def test_a_curve_over_the_day() -> None:
    scenario = load_scenario(None, {"load.hourly": [10.0] * 23 + [250.0]})
    assert (scenario.load.peak_rate, scenario.load.mean_rate) == (250, 20)


def test_an_engine_by_hand_takes_the_place_of_the_measured_one() -> None:
    cpu: dict[str, Any] = {"engine__kind": "cpu", "engine__token_budget": 4_096, "cluster__zones": 1}
    slow, fast = (planned(load__peak=900.0, engine__posts_per_s=rate, **cpu) for rate in (400.0, 2_000.0))
    assert slow.workers > fast.workers
    shared = planned(load__peak=900.0, engine__posts_per_s=2_000.0, engine__processes=2, **cpu)
    assert shared.workers == 2 * shared.devices


def test_rates_of_benchmarks(tmp_path: Path) -> None:
    file = tmp_path / "gpu.json"
    file.write_text(json.dumps({"roberta-base.lognormal.posts_per_s": 5_000.0, "tokens_a_run": 8_192}))
    options = engine_options(file, "roberta-base")
    assert options["engine.tokens_per_s"] == pytest.approx(5_000 * 72.5, rel=0.01)
    assert (options["engine.kind"], options["engine.token_budget"]) == ("gpu", 8_192)
    file.write_text(json.dumps({"engine.posts_per_s": 40.0, "model": "roberta-base", "machine.cores": 4}))
    options = engine_options(file, "roberta-base")
    assert (options["engine.kind"], options["cluster.cores"]) == ("cpu", 4.0)
    with pytest.raises(SettingsError, match="has no rate of 'minilm'; --engine-model"):
        engine_options(file, "minilm")


def test_redis_that_would_be_the_limit_is_told(write_costs: Write) -> None:
    file = write_costs(costs(USUAL, decide_wait=Affine(0.0, 2e-4)))
    ended = flagstaff(
        "plan", "--peak", "20000", "--tokens-per-s", "1e6", "--costs", str(file), settings=QUICK
    )
    assert ended.code == 0, ended.err
    assert "Redis would be the limit: what was waited for is work for 4.0 servers." in ended.out


def test_the_command(write_costs: Write, tmp_path: Path) -> None:
    file = write_costs(USUAL)
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text("load: {peak: 300}\nprices: {currency: EUR, device_hour: 1.5}\n")
    ended = flagstaff("plan", str(scenario), "--costs", str(file), "--json")
    assert ended.code == 0, ended.err
    said = json.loads(ended.out)
    assert said["scenario"]["load"]["peak"] == 300
    assert msgspec.convert(said["plan"], Plan).workers >= 2
    assert any("measured on a test" in one for one in said["assumptions"])
    table = flagstaff("plan", str(scenario), "--peak", "350", "--costs", str(file), settings=QUICK).out
    assert "EUR" in table
    assert "- 350 posts/s in the busiest hour" in table


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("load: {peek: 3}", "Object contains unknown field `peek`"),
        ("load: {peak: fast}", "load.peak: Expected `float"),
        ("load: {peak: 5, mean: 9}", "load.mean 9 is above load.peak 5"),
        ("goal: {p99_ms: 500}", "no load; give load.peak (--peak) or load.hourly"),
        ("load: {peak: 5, hourly: [1, 2]}", "length >= 24"),
        ("load: {peak: 1}\nposts: {least: 9, most: 5}", "posts.least 9 is above posts.most 5"),
        ("load: [", "line 2 is not valid YAML"),
        ("- 1", "must hold keys and values"),
    ],
)
def test_a_bad_scenario_is_one_line_and_exit_2(tmp_path: Path, written: str, said: str) -> None:
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(written + "\n")
    with pytest.raises(SettingsError) as raised:
        load_scenario(scenario, {})
    assert said in str(raised.value)
    assert str(scenario) in str(raised.value)
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "no load; give load.peak (--peak)"),
        (("--peak", "5", "--tokens-per-s", "1", "--posts-per-s", "1"), "say the same; keep one of them"),
        (("nowhere.yaml",), "can't read nowhere.yaml"),
        (("--peak", "5", "--costs", "nowhere.json"), "can't read nowhere.json"),
        (("--peak", "5", "--engine", "nowhere.json"), "nowhere.json"),
        (("--peak", "0"), "not in the range"),
        (("--peak", "2e7"), "load.peak"),
        (("--peak", "5", "--posts", "x.jsonl"), "--posts is what --measure measures with"),
    ],
)
def test_bad_usage_is_exit_2(arguments: tuple[str, ...], said: str) -> None:
    ended = flagstaff("plan", *arguments)
    assert ended.code == 2
    assert said in ended.err
    assert "Traceback" not in ended.err
