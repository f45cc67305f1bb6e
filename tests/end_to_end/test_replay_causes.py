"""What a replay names as the cause when something was changed, or something happened during the live run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
import pytest
import redis
import yaml

from tests.support.linear_checkpoint import linear_checkpoint
from tests.support.replaying import asked, changed, decided, live, live_settings, replay, values, whole
from tests.support.running import publish, running
from tests.support.topics import unique_name
from worker.embedded import EmbeddedValkey
from worker.policy import DEFAULT_FILE

if TYPE_CHECKING:
    from pathlib import Path

    from worker.replay.plan import SignalMode
    from worker.settings import Settings


class LiveRun(NamedTuple):
    """Posts that a worker decided, in one partition and in the order of event time."""

    settings: Settings
    posts: int


@pytest.fixture(scope="module")
def run(kafka: str, embedded_valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory) -> LiveRun:
    settings = live_settings(tmp_path_factory.mktemp("live"), kafka, embedded_valkey.url, partitions=1)
    live(settings, values(600))
    return LiveRun(settings, 600)


def with_policy(settings: Settings, folder: Path, **changes: object) -> Settings:
    """With a policy in which some keys, written `a__b`, have other values."""
    tree = yaml.safe_load(DEFAULT_FILE.read_text())
    for path, value in changes.items():
        *groups, key = path.split("__")
        place = tree
        for group in groups:
            place = place[group]
        place[key] = value
    file = folder / "policy.yaml"
    file.write_text(yaml.safe_dump(tree))
    return changed(settings, "policy", file=str(file))


def test_with_nothing_changed_and_one_partition_all_is_the_same(run: LiveRun, tmp_path: Path) -> None:
    done = replay(run.settings, tmp_path / "out", asked(spans=whole(run.settings)))
    assert (done.kinds, done.causes) == ({"same": run.posts}, {})


@pytest.mark.parametrize("signals", ["recorded", "rebuilt"])
@pytest.mark.parametrize(
    "changes",
    [{"thresholds__label": 0.6}, {"signals__author_record__weight": 1.0}],
    ids=["threshold", "weight"],
)
def test_a_changed_policy_is_named(
    run: LiveRun, tmp_path: Path, changes: dict[str, float], signals: SignalMode
) -> None:
    settings = with_policy(run.settings, tmp_path, **changes)
    done = replay(settings, tmp_path / "out", asked(signals, spans=whole(settings)))
    assert (done.kinds, done.causes) == ({"changed": run.posts}, {"policy_changed": run.posts})
    moved = {name: count for name, count in done.summary.result.fields.items() if name in {"action", "score"}}
    assert any(0 < count < run.posts for count in moved.values())


def test_a_changed_detector_is_named(run: LiveRun, tmp_path: Path) -> None:
    linear_checkpoint(tmp_path / "other", 1.0)
    for model in ("constant", str(tmp_path / "other")):
        settings = changed(run.settings, "detector", model=model)
        done = replay(settings, tmp_path / f"out-{len(model)}", asked(spans=whole(settings)))
        assert (done.kinds, done.causes) == ({"changed": run.posts}, {"detector_changed": run.posts})
        assert done.differences[0]["replayed"]["detector"] == done.summary.variant.detector.digest


def test_changed_signal_settings_are_named(run: LiveRun, tmp_path: Path) -> None:
    fewer = changed(run.settings, "signals", enabled=("account_age", "duplicate_text"))
    done = replay(fewer, tmp_path / "fewer", asked(spans=whole(fewer)))
    assert done.causes == {"signal_settings_changed": run.posts}
    # A window stands in a flag only where a sentence tells it.
    shorter = changed(run.settings, "signals", duplicate_window_s=60, record_window_s=7200)
    done = replay(shorter, tmp_path / "shorter", asked(spans=whole(shorter)))
    told = [one for one in done.differences if "reasons" in one["fields"] and not one["signals"]]
    assert told
    assert all(one["causes"] == ["signal_settings_changed"] for one in told)


def test_flags_that_are_due_only_today_or_no_longer_are_extra_and_missing(
    kafka: str, embedded_valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    settings = live_settings(tmp_path, kafka, embedded_valkey.url, partitions=1, EMIT="flagged")
    live(settings, values(600))
    same = replay(settings, tmp_path / "same", asked(spans=whole(settings)))
    flagged = same.kinds["same"]
    assert same.kinds == {"same": flagged, "unpublished": 600 - flagged}
    stricter = with_policy(settings, tmp_path, thresholds__label=0.1, detector__corroboration=0.001)
    done = replay(stricter, tmp_path / "stricter", asked(spans=whole(settings)))
    assert done.kinds["extra"] > 0
    # Before the first flag nobody knows what was in force.
    assert set(done.causes) <= {"policy_changed", "unknown"}
    late = [one for one in done.differences if "unknown" in one["causes"]]
    known = [one["source"]["offset"] for one in done.differences if "unknown" not in one["causes"]]
    assert all(one["source"]["offset"] < min(known) for one in late)
    laxer = with_policy(
        settings, tmp_path, thresholds__label=0.98, thresholds__review=0.99, thresholds__limit=0.995
    )
    done = replay(laxer, tmp_path / "laxer", asked(spans=whole(settings)))
    assert done.kinds.get("missing", 0) > 0
    assert done.causes == {"policy_changed": flagged}


def test_readings_that_redis_did_not_give_are_named(kafka: str, tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path / "valkey", keep=False) as valkey:
        settings = live_settings(
            tmp_path,
            kafka,
            valkey.url,
            partitions=1,
            REDIS__TIMEOUT_MS="200",
            REDIS__BREAKER_RESET_S="0.2",
        )
        with running(settings):
            decided(settings, values(200))
            valkey.pause()
            decided(settings, values(100, 200))
            valkey.resume()
            # The breaker lets one call through and closes.
            decided(settings, values(20, 300))
            decided(settings, values(280, 320))
        done = replay(settings, tmp_path / "out", asked(spans=whole(settings)))
        by_cause = {
            cause: {int(one["post_id"][1:]) for one in done.differences if cause in one["causes"]}
            for cause in done.causes
        }
        assert set(by_cause) <= {"degraded", "signal_state"}
        assert by_cause["degraded"] >= set(range(200, 300))
        assert by_cause["degraded"] <= set(range(200, 320))
        # Posts that were never noted are missing from what later ones read.
        assert min(by_cause["signal_state"]) >= 300
        recorded = replay(settings, tmp_path / "recorded", asked("recorded", spans=whole(settings)))
        assert recorded.kinds == {"same": 600}


def test_state_that_was_lost_is_told_from_order(
    kafka: str, embedded_valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    settings = live_settings(tmp_path, kafka, embedded_valkey.url, partitions=1)
    with running(settings):
        decided(settings, values(300))
        with redis.Redis.from_url(settings.redis.url) as client:
            client.delete(*client.scan_iter(match=f"{settings.redis.prefix}:live:*"))
        decided(settings, values(300, 300))
    done = replay(settings, tmp_path / "out", asked(spans=whole(settings)))
    assert set(done.causes) == {"signal_state"}
    assert all(int(one["post_id"][1:]) >= 300 for one in done.differences)


def test_posts_that_arrived_late_are_told(
    kafka: str, embedded_valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    settings = live_settings(tmp_path, kafka, embedded_valkey.url, partitions=1)
    posts = values(600)
    early = [one for number, one in enumerate(posts) if number % 3]
    late = [one for number, one in enumerate(posts) if not number % 3]
    live(settings, early, late)
    done = replay(settings, tmp_path / "out", asked(spans=whole(settings)))
    assert set(done.causes) == {"order_of_arrival"}


def test_a_rebalance_leaves_nothing_unexplained(
    kafka: str, embedded_valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    settings = live_settings(tmp_path, kafka, embedded_valkey.url)
    other = changed(settings, "kafka", transactional_id_prefix=f"{settings.topics.posts}-other")
    with running(settings):
        decided(settings, values(300))
        publish(kafka, settings.topics.posts, values(600, 300))
        second = tmp_path / "second"
        second.mkdir()
        with running(msgspec.structs.replace(other, data_dir=str(second))):
            decided(other, values(300, 900))
        decided(settings, values(100, 1200))
    done = replay(settings, tmp_path / "out", asked(spans=whole(settings)))
    assert sum(done.kinds.values()) == 1300
    assert set(done.causes) <= {"order_of_arrival"}
    recorded = replay(settings, tmp_path / "recorded", asked("recorded", spans=whole(settings)))
    assert recorded.kinds == {"same": 1300}


def test_a_dead_letter_explains_a_missing_flag(
    kafka: str, embedded_valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    settings = live_settings(tmp_path, kafka, embedded_valkey.url, partitions=1, STREAM__MAX_TEXT_CHARS="60")
    live(settings, values(200))
    longer = changed(settings, "stream", max_text_chars=500_000)
    done = replay(longer, tmp_path / "out", asked(spans=whole(settings)))
    assert done.causes.get("dead_letter", 0) == done.kinds["extra"] > 0
    extra = [one for one in done.differences if one["kind"] == "extra"]
    assert {one["error"] for one in extra} == {"dead letter, stage decode"}


@pytest.mark.parametrize("signals", ["recorded", "rebuilt"])
def test_a_held_flag_is_named(
    kafka: str, embedded_valkey: EmbeddedValkey, tmp_path: Path, signals: SignalMode
) -> None:
    linear_checkpoint(tmp_path / "wild", 5.0)
    settings = live_settings(
        tmp_path,
        kafka,
        embedded_valkey.url,
        partitions=1,
        DETECTOR__MODEL=str(tmp_path / "wild"),
        TOPICS__HOLDS=unique_name("holds"),
    )
    wild = with_policy(
        settings, tmp_path, detector__alone="review", thresholds__review=0.9, thresholds__limit=0.9999
    )
    live(wild, values(600))
    done = replay(wild, tmp_path / "out", asked(signals, spans=whole(wild)))
    held = done.kinds["changed"]
    # It trips within 181 posts; each flag after that is held.
    assert held >= 600 - 181
    assert done.kinds == {"same": 600 - held, "changed": held}
    assert done.causes == {"held": held}
    assert done.summary.result.transitions == {"label -> review": held}
    assert all(one["fields"] == ["action", "reasons"] for one in done.differences)
