"""Live runs, replayed: nothing unexplained, and the same bytes however it was done."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import pytest
import redis
from kafka import KafkaAdminClient, TopicPartition

from tests.support.command import environment, flagstaff
from tests.support.independent_reader import committed_offsets, committed_records
from tests.support.posts import broken
from tests.support.replaying import (
    OUTPUTS,
    Done,
    asked,
    changed,
    environ,
    live,
    live_settings,
    replay,
    values,
    variant,
    whole,
)
from tests.support.signing import key_pair
from tests.support.waiting import PATIENCE_S
from worker.commands import main
from worker.errors import FlagstaffError, SettingsError
from worker.replay.capture import Capture
from worker.replay.plan import Span
from worker.replay.replaying import Replay
from worker.replay.topics import capture_range

if TYPE_CHECKING:
    from pathlib import Path

    from worker.embedded import EmbeddedValkey
    from worker.settings import Settings

EXPLAINED = {"order_of_arrival"}


class LiveRun(NamedTuple):
    """Two batches that a worker decided: 1,200 posts, a tombstone and broken records, then 400 posts.

    `border` lies between the two, `end` behind the second, in milliseconds since 1970.
    """

    settings: Settings
    border: int
    end: int


@pytest.fixture(scope="module")
def run(kafka: str, embedded_valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory) -> LiveRun:
    settings = live_settings(tmp_path_factory.mktemp("live"), kafka, embedded_valkey.url)
    live(settings, [*values(1200), None, *broken(8)])
    time.sleep(0.1)
    border = time.time_ns() // 1_000_000
    live(settings, values(400, 1200))
    return LiveRun(settings, border, time.time_ns() // 1_000_000 + 1)


@pytest.fixture(scope="module")
def rebuilt(run: LiveRun, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """The whole range again, with signals made again."""
    return replay(run.settings, tmp_path_factory.mktemp("rebuilt") / "out", asked(spans=whole(run.settings)))


def test_all_is_explained_and_everything_is_counted(run: LiveRun, rebuilt: Done) -> None:
    del run
    assert rebuilt.summary.result.decided == 1600
    assert sum(rebuilt.kinds.values()) == 1600
    assert set(rebuilt.kinds) <= {"same", "changed"}
    assert set(rebuilt.causes) <= EXPLAINED
    assert sum(part.tombstones for part in rebuilt.summary.partitions) == 1
    assert sum(sum(part.broken.values()) for part in rebuilt.summary.partitions) == 8
    assert len(rebuilt.decisions) == 1600


def test_two_replays_have_the_same_bytes_and_leave_no_trace(
    run: LiveRun, rebuilt: Done, tmp_path: Path
) -> None:
    settings = run.settings
    servers, group = settings.kafka.bootstrap_servers, settings.kafka.group_id
    before = committed_offsets(servers, group, settings.topics.posts)
    flags = len(committed_records(servers, settings.topics.flags))
    with redis.Redis.from_url(settings.redis.url) as client:
        names = {
            name: client.dump(name) for name in client.scan_iter(match=f"{settings.redis.prefix}:live:*")
        }
        assert names
        again = replay(settings, tmp_path / "out", asked(spans=whole(settings)), part_records=77)
        assert again.bytes == rebuilt.bytes
        assert not list(client.scan_iter(match=f"{settings.redis.prefix}:replay-*"))
        assert {
            name: client.dump(name) for name in client.scan_iter(match=f"{settings.redis.prefix}:live:*")
        } == names
    assert committed_offsets(servers, group, settings.topics.posts) == before
    assert len(committed_records(servers, settings.topics.flags)) == flags
    assert sorted(path.name for path in again.out.iterdir()) == sorted(OUTPUTS)


def test_with_readings_as_recorded_every_flag_comes_out_to_the_byte(run: LiveRun, tmp_path: Path) -> None:
    done = replay(run.settings, tmp_path / "out", asked("recorded", spans=whole(run.settings)))
    assert (done.kinds, done.differences) == ({"same": 1600}, [])


def test_several_variants_over_one_reading_decide_as_each_alone(
    run: LiveRun, rebuilt: Done, tmp_path: Path
) -> None:
    settings = run.settings
    constant = changed(settings, "detector", model="constant")
    both = [variant(settings, "live"), variant(constant, "constant"), variant(settings, "again")]
    several = Replay(settings, asked(spans=whole(settings)), both, tmp_path / "out")
    several.score(None, 500, lambda *_: None)
    summaries = several.merge(None, lambda *_: None)
    assert [summary.result.decided for summary in summaries] == [1600] * 3
    alone = replay(constant, tmp_path / "alone", asked(spans=whole(settings)))
    for name, expected in (("live", rebuilt), ("again", rebuilt), ("constant", alone)):
        for file in ("decisions.jsonl", "diff.jsonl", "missing.jsonl"):
            assert (tmp_path / "out" / name / file).read_bytes() == expected.bytes[file]


def test_the_report_says_what_the_summary_says(run: LiveRun, rebuilt: Done) -> None:
    page = rebuilt.bytes["report.html"].decode()
    stamp = rebuilt.summary.variant
    for expected in (run.settings.topics.posts, stamp.detector.digest, stamp.policy.digest):
        assert expected in page
    manifest = json.loads(rebuilt.bytes["manifest.json"])
    for name, sealed in manifest["outputs"].items():
        assert (sealed["sha256"] in page) == (name != "report.html")
    for one in manifest["inputs"]["ranges"]:
        assert one["chain"] in page
    differing = rebuilt.kinds.get("changed", 0)
    assert f"of {1600:,} decisions differ" in page if differing else f"None of {1600:,} decisions" in page
    # Neither how Kafka and Redis are reached, nor what a post says.
    text = json.loads(values(1)[0])["text"]
    for secret in (run.settings.kafka.bootstrap_servers, run.settings.redis.url, text):
        assert secret not in page
    assert [(one.detector, one.policy, one.flags) for one in rebuilt.summary.published_by] == [
        (stamp.detector, stamp.policy, 1600)
    ]
    result = rebuilt.summary.result
    assert sum(slot.posts for slot in result.timeline.slots.values()) == 1600
    assert sum(slot.differing for slot in result.timeline.slots.values()) == differing
    assert sum(sum(kinds.values()) for kinds in result.partitions.values()) == 1600


def test_parquet_is_written_where_it_is_asked_for(run: LiveRun, rebuilt: Done, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")
    outs = [tmp_path / "out", tmp_path / "again"]
    for out in outs:
        done = flagstaff(*arguments(run, out), "--parquet", settings=environ(run.settings))
        assert done.code == 0, done.err
        assert flagstaff("verify", str(out)).code == 0
    names = sorted({*OUTPUTS, "decisions.parquet", "diff.parquet"})
    assert sorted(path.name for path in outs[0].iterdir()) == names
    assert all((outs[0] / name).read_bytes() == (outs[1] / name).read_bytes() for name in names)
    flags = parquet.read_table(outs[0] / "decisions.parquet").to_pylist()
    assert [flag["id"] for flag in flags] == [flag["id"] for flag in rebuilt.decisions]
    assert parquet.read_metadata(outs[0] / "diff.parquet").num_rows == len(rebuilt.differences)


def test_a_signed_replay_is_verified(run: LiveRun, tmp_path: Path) -> None:
    private, public = key_pair(tmp_path)
    out = tmp_path / "out"
    signals = ("--signals", "recorded", "--sign", str(private))
    ended = flagstaff(*arguments(run, out), *signals, settings=environ(run.settings))
    assert ended.code == 0, ended.err
    ended = flagstaff("verify", str(out), "--key", str(public))
    assert (ended.code, ended.out) == (0, "5 files are as the manifest says; signature right\n")
    (out / "diff.jsonl").write_bytes(b"{}\n")
    ended = flagstaff("verify", str(out), "--key", str(public))
    assert (ended.code, len(ended.err.splitlines())) == (1, 1)


def test_without_redis_a_rebuilt_replay_fails_and_says_why(run: LiveRun, tmp_path: Path) -> None:
    away = changed(run.settings, "redis", url="redis://127.0.0.1:1/0")
    with pytest.raises(FlagstaffError, match="Redis can't be used after 0 posts"):
        replay(away, tmp_path / "out", asked(spans=whole(run.settings)))
    none = changed(run.settings, "redis", url="")
    with pytest.raises(SettingsError, match="FLAGSTAFF_REDIS__URL"):
        replay(none, tmp_path / "none", asked(spans=whole(run.settings)))
    done = replay(none, tmp_path / "recorded", asked("recorded", spans=whole(run.settings)))
    assert done.kinds == {"same": 1600}


@pytest.mark.parametrize("shards", [2, 4])
def test_shards_have_the_same_bytes(run: LiveRun, rebuilt: Done, tmp_path: Path, shards: int) -> None:
    done = replay(run.settings, tmp_path / "out", asked(spans=whole(run.settings)), shards=shards)
    assert done.bytes == rebuilt.bytes


def arguments(run: LiveRun, out: Path) -> list[str]:
    offsets = [f"{one.partition}:{one.first}-{one.last}" for one in whole(run.settings)]
    spans = [part for one in offsets for part in ("--offsets", one)]
    return ["replay", *spans, "--out", str(out), "--part-records", "20"]


def test_workers_have_the_same_bytes(run: LiveRun, rebuilt: Done, tmp_path: Path) -> None:
    ended = flagstaff(*arguments(run, tmp_path / "out"), "--workers", "2", settings=environ(run.settings))
    assert ended.code == 0, ended.err
    assert Done(tmp_path / "out", rebuilt.summary).bytes == rebuilt.bytes
    assert "1600 posts decided again" in ended.out
    assert re.search(r"offsets: \d+ of \d+, \d+ a second", ended.err)


def test_a_merge_that_was_started_first_waits_for_all_shards_of_an_indexed_job(
    run: LiveRun, rebuilt: Done, tmp_path: Path
) -> None:
    command = arguments(run, tmp_path / "out")
    merging = subprocess.Popen(
        [sys.executable, "-m", "worker.commands", *command, "--merge", "--wait"],
        env=environment(environ(run.settings)),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        for index in ("1", "0"):
            assert merging.poll() is None, "it did not wait"
            env = environment(environ(run.settings)) | {"JOB_COMPLETION_INDEX": index}
            scoring = [sys.executable, "-m", "worker.commands", *command, "--shards", "2"]
            subprocess.run(scoring, env=env, check=True, timeout=PATIENCE_S)
        told, _ = merging.communicate(timeout=PATIENCE_S)
    finally:
        merging.kill()
    assert merging.returncode == 0
    assert "1600 posts decided again" in told
    assert Done(tmp_path / "out", rebuilt.summary).bytes == rebuilt.bytes


def test_killed_three_times_it_goes_on_and_has_the_same_bytes(
    run: LiveRun, rebuilt: Done, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "worker.commands", *arguments(run, out)]
    kept: list[int] = []

    def parts() -> int:
        return len(list(out.glob("parts/partition-*/*.jsonl")))

    for _ in range(3):
        before = parts()
        with subprocess.Popen(
            command, env=environment(environ(run.settings)), stderr=subprocess.PIPE
        ) as process:
            deadline = time.monotonic() + PATIENCE_S
            while parts() < before + 2 and process.poll() is None:
                assert time.monotonic() < deadline, "it scores nothing"
            os.kill(process.pid, signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        assert not (out / "manifest.json").exists()
        kept.append(parts())
    assert kept == sorted(kept)
    assert kept[0] < kept[-1]
    # A part of which only the beginning reached the disk is made again.
    last = max(out.glob("parts/partition-*/*.jsonl"))
    last.write_bytes(last.read_bytes()[:-5])
    other = flagstaff(*arguments(run, out), "--signals", "recorded", settings=environ(run.settings))
    assert (other.code, len(other.said)) == (2, 1)
    assert "begun with another `signals`" in other.err
    ended = flagstaff(*arguments(run, out), settings=environ(run.settings))
    assert ended.code == 0, ended.err
    assert Done(out, rebuilt.summary).bytes == rebuilt.bytes
    again = flagstaff(*arguments(run, out), settings=environ(run.settings))
    assert (again.code, len(again.said)) == (2, 1)
    assert "finished replay" in again.err


def test_a_range_of_time_reads_what_the_signals_need_from_before_it(
    run: LiveRun, rebuilt: Done, tmp_path: Path
) -> None:
    done = replay(run.settings, tmp_path / "out", asked(times=(run.border, run.end)))
    assert done.summary.result.decided == 400
    assert sum(part.warm_records for part in done.summary.partitions) == 1209
    assert set(done.causes) <= EXPLAINED
    # The same flags as when the whole was replayed: the state before the range was built again.
    later = {flag["id"]: flag for flag in rebuilt.decisions if int(flag["post_id"][1:]) >= 1200}
    assert {flag["id"]: flag for flag in done.decisions} == later


def test_a_range_of_time_without_records_is_told(run: LiveRun, tmp_path: Path) -> None:
    out = tmp_path / "out"
    years = ("--from", "2001-01-01T00:00:00Z", "--to", "2001-02-01T00:00:00+01:00")
    ended = flagstaff("replay", *years, "--out", str(out), settings=environ(run.settings))
    assert (ended.code, ended.out) == (1, "")
    assert ended.said[-1] == f"flagstaff: replay: the range holds no record of {run.settings.topics.posts}"
    assert not (out / "manifest.json").exists()


def test_a_captured_range_needs_no_kafka(run: LiveRun, rebuilt: Done, tmp_path: Path) -> None:
    file = tmp_path / "range.jsonl"
    assert capture_range(run.settings, asked(spans=whole(run.settings)), file) == 1609
    away = environ(run.settings) | {"KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    out = tmp_path / "out"
    ended = flagstaff("replay", "--file", str(file), "--out", str(out), settings=away)
    assert ended.code == 0, ended.err
    for name in ("decisions.jsonl", "diff.jsonl", "missing.jsonl"):
        assert (out / name).read_bytes() == rebuilt.bytes[name]
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(SettingsError, match=r"--file .*range.jsonl"):
        Capture(file)


def test_what_retention_has_eaten_is_counted(
    kafka: str, embedded_valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    settings = live_settings(tmp_path, kafka, embedded_valkey.url)
    start = time.time_ns() // 1_000_000
    live(settings, values(400))
    spans = whole(settings)
    half = {one.partition: (one.last + 1) // 2 for one in spans}
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    admin.delete_records({TopicPartition(settings.topics.posts, number): at for number, at in half.items()})
    admin.close()
    gone = sum(half.values())
    by_offset = replay(settings, tmp_path / "offsets", asked("recorded", spans=spans))
    by_time = replay(
        settings, tmp_path / "times", asked("recorded", times=(start, time.time_ns() // 1_000_000 + 1))
    )
    for done in (by_offset, by_time):
        assert done.kinds == {"same": 400 - gone, "gone": gone}
        assert {part.partition: part.flagged_and_gone for part in done.summary.partitions} == half
    assert {part.partition: part.expired for part in by_offset.summary.partitions} == half
    assert {part.partition: part.possibly_expired for part in by_time.summary.partitions} == half
    lines = [json.loads(line) for line in (by_offset.out / "missing.jsonl").read_text().splitlines()]
    assert lines == [
        {"partition": number, "first": 0, "last": at - 1, "why": "expired"} for number, at in half.items()
    ]
    eaten = (Span(0, 0, half[0] - 1),)
    with pytest.raises(FlagstaffError, match=f"holds no record .* {half[0]} offsets .* deleted"):
        replay(settings, tmp_path / "eaten", asked("recorded", spans=eaten))


def test_another_detector_than_the_one_that_is_asked_for_is_refused(run: LiveRun, tmp_path: Path) -> None:
    for option in ("--detector-digest", "--policy-digest"):
        ended = flagstaff(*arguments(run, tmp_path / "out"), option, "abc", settings=environ(run.settings))
        assert (ended.code, len(ended.said)) == (2, 1)
        assert f"{option} abc: what the settings name has the digest " in ended.err


@pytest.mark.parametrize(
    "wrong",
    [
        ["--out", "x"],
        ["--from", "2026-03-01", "--to", "2026-03-02", "--out", "x"],
        ["--from", "2026-03-02T00:00:00Z", "--to", "2026-03-01T00:00:00Z", "--out", "x"],
        ["--offsets", "0:5-1", "--out", "x"],
        ["--offsets", "0:0-1", "--offsets", "0:5-6", "--out", "x"],
        ["--offsets", "0:0-1"],
        ["--offsets", "0:0-1", "--out", "x", "--shard", "2/2"],
        ["--offsets", "0:0-1", "--out", "x", "--shards", "2"],
    ],
    ids=" ".join,
)
def test_bad_usage_exits_with_2(wrong: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = [str(tmp_path / "x") if part == "x" else part for part in wrong]
    with pytest.raises(SystemExit) as ended:
        main(["replay", *given])
    assert ended.value.code == 2
    assert not (tmp_path / "x").exists()
    assert capsys.readouterr().err


def test_a_partition_or_offset_that_is_not_there_is_refused(run: LiveRun, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no partition 9"):
        replay(run.settings, tmp_path / "a", asked("recorded", spans=(Span(9, 0, 1),)))
    with pytest.raises(SettingsError, match="ends with offset"):
        replay(run.settings, tmp_path / "b", asked("recorded", spans=(Span(0, 0, 10**9),)))


def test_times_are_read_with_their_zone(run: LiveRun, rebuilt: Done, tmp_path: Path) -> None:
    end = datetime.fromtimestamp(run.end / 1000, UTC).isoformat()
    ended = flagstaff(
        *("replay", "--from", "2026-01-01T00:00:00+01:00", "--to", end, "--out", str(tmp_path / "out")),
        settings=environ(run.settings),
    )
    assert ended.code == 0, ended.err
    assert (tmp_path / "out" / "decisions.jsonl").read_bytes() == rebuilt.bytes["decisions.jsonl"]
