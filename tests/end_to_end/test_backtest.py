"""A backtest beside real workers that ran with each candidate's settings over the same posts."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pytest
import yaml

from tests.support.command import flagstaff
from tests.support.independent_reader import committed_records
from tests.support.linear_checkpoint import linear_checkpoint
from tests.support.posts import posts
from tests.support.replaying import OUTPUTS, asked, environ, live, live_settings, whole
from tests.support.running import all_decided, publish, running
from tests.support.signing import key_pair
from tests.support.topics import create_topic, unique_name
from tests.support.waiting import wait_until
from worker.policy import DEFAULT_FILE
from worker.replay.topics import capture_range
from worker.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from worker.embedded import EmbeddedValkey

POSTS = 600
ACTING = {"label", "review", "limit"}
QUEUED = {"review", "limit"}
THRESHOLDS = {
    "stricter": {"label": 0.9, "review": 0.96, "limit": 0.985},
    "looser": {"label": 0.6, "review": 0.75, "limit": 0.9},
}


class LiveRun(NamedTuple):
    """What was published with the live settings, and what workers with each candidate's published.

    Attributes:
        flags: by whose they are and the post's id.
        verdicts: what most reviewers say, by the post's id.
        decisions: how many there are.
    """

    settings: Settings
    environ: dict[str, str]
    candidates: dict[str, Path]
    flags: dict[str, dict[str, dict[str, Any]]]
    verdicts: dict[str, str]
    decisions: list[dict[str, Any]]


@pytest.fixture(scope="module")
def run(kafka: str, embedded_valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory) -> LiveRun:
    folder = tmp_path_factory.mktemp("backtest")
    # One partition: then posts arrive in the order of event time, and a worker reads what a replay reads.
    # A worker's breaker would hold down what a candidate that flags too much flags; a backtest shows it.
    more = {"ACTION_RATE__ENABLED": "false"}
    settings = live_settings(folder, kafka, embedded_valkey.url, partitions=1, **more)
    decisions = unique_name("decisions")
    create_topic(kafka, decisions, partitions=2)
    settings = _with(settings, topics={"decisions": decisions})
    live(settings, _values())
    flags = {"live": _flags(settings)}
    candidates: dict[str, Path] = {}
    for name, own in _candidates(folder).items():
        candidates[name] = folder / f"{name}.yaml"
        candidates[name].write_text(yaml.safe_dump(own))
        flags[name] = _flags_of_a_worker(settings, name, own)
    said = _decisions(flags["live"])
    publish(kafka, decisions, [json.dumps(one).encode() for one in said])
    verdicts = {
        one["post_id"]: "none" if one["verdict"] == "unsure" else str(one["verdict"])
        for one in said
        if one["reviewer"] == "ann"
    }
    names = environ(settings) | {"TOPICS__DECISIONS": decisions}
    return LiveRun(settings, names, candidates, flags, verdicts, said)


def _values() -> list[bytes]:
    """Posts over four days, of which the first and the last are not whole."""
    start = datetime(2026, 3, 1, 6, tzinfo=UTC)
    return [
        json.dumps(post | {"created_at": (start + timedelta(seconds=400 * number)).isoformat()}).encode()
        for number, post in enumerate(posts(POSTS))
    ]


def _candidates(folder: Path) -> dict[str, dict[str, Any]]:
    shipped = yaml.safe_load(DEFAULT_FILE.read_text())
    found: dict[str, dict[str, Any]] = {}
    for name, thresholds in THRESHOLDS.items():
        file = folder / f"policy-{name}.yaml"
        file.write_text(yaml.safe_dump(shipped | {"name": name, "thresholds": thresholds}))
        found[name] = {"policy": {"file": str(file)}}
    linear_checkpoint(folder / "model", 0.5)
    return found | {"linear": {"detector": {"model": str(folder / "model")}}}


def _with(settings: Settings, **groups: dict[str, Any]) -> Settings:
    tree = msgspec.to_builtins(settings)
    return msgspec.convert(tree | {name: tree[name] | own for name, own in groups.items()}, Settings)


def _flags_of_a_worker(settings: Settings, name: str, own: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What a worker with these settings publishes of the same posts, with a group and keys of its own."""
    topic = unique_name(f"flags-{name}")
    create_topic(settings.kafka.bootstrap_servers, topic, partitions=1)
    its = _with(
        settings,
        topics={"flags": topic},
        kafka={"group_id": topic, "transactional_id_prefix": topic},
        redis={"prefix": topic},
        **own,
    )
    with running(its):
        wait_until(lambda: all_decided(its.kafka.bootstrap_servers, its), what="the decisions")
    return _flags(its)


def _flags(settings: Settings) -> dict[str, dict[str, Any]]:
    records = committed_records(settings.kafka.bootstrap_servers, settings.topics.flags)
    return {flag["post_id"]: flag for flag in (json.loads(record.value()) for record in records)}


def _decisions(flags: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Ann looks at every second flag; Bob agrees with her on some; one decision is on a flag elsewhere."""
    flagged = sorted((flag for flag in flags.values() if flag["action"] in ACTING), key=lambda one: one["id"])
    found = []
    for number, flag in enumerate(flagged[::2]):
        verdict = ("machine", "machine", "human", "unsure")[number % 4]
        reviewers = ("ann", "bob") if number % 3 else ("ann",)
        found += [_decision(flag["id"], flag["post_id"], reviewer, verdict) for reviewer in reviewers]
    return [*found, _decision("elsewhere", "p", "cid", "human")]


def _decision(flag_id: str, post_id: str, reviewer: str, verdict: str) -> dict[str, Any]:
    return {
        "schema": "decision.v1",
        "flag_id": flag_id,
        "post_id": post_id,
        "reviewer": reviewer,
        "verdict": verdict,
        "decided_at": "2026-03-05T12:00:00Z",
    }


def arguments(run: LiveRun, out: Path, *more: str) -> list[str]:
    spans = [f"{one.partition}:{one.first}-{one.last}" for one in whole(run.settings)]
    named = [f"{name}={file}" for name, file in run.candidates.items()]
    return [
        "backtest",
        *(part for span in spans for part in ("--offsets", span)),
        *(part for one in named for part in ("--candidate", one)),
        *("--out", str(out)),
        *more,
    ]


@pytest.fixture(scope="module")
def done(run: LiveRun, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The outputs' folder, and what the command said."""
    out = tmp_path_factory.mktemp("done") / "out"
    ended = flagstaff(*arguments(run, out), settings=run.environ)
    assert ended.code == 0, ended.err
    return out, ended.out


def test_each_candidate_decides_as_a_worker_with_its_settings_did(
    run: LiveRun, done: tuple[Path, str]
) -> None:
    for name, flags in run.flags.items():
        lines = (done[0] / name / "decisions.jsonl").read_text().splitlines()
        decided = {flag["post_id"]: flag for flag in map(json.loads, lines)}
        # The topic that a post's flag stands on is none of its fields.
        assert decided == flags


def test_the_counts_are_those_of_the_workers_flags(run: LiveRun, done: tuple[Path, str]) -> None:
    report = json.loads((done[0] / "backtest.json").read_text())
    results = {one["name"]: one for one in report["results"]}
    assert list(results) == ["live", *run.candidates]
    before = {post: flag["action"] for post, flag in run.flags["live"].items()}
    assert sum(action in ACTING for action in before.values()) > 30
    for name, one in results.items():
        now = {post: flag["action"] for post, flag in run.flags[name].items()}
        assert (one["posts"], one["failed"]) == (POSTS, 0)
        assert one["actions"] == Counter(now.values())
        come = {post for post in now if now[post] in ACTING and before[post] not in ACTING}
        go = {post for post in now if now[post] not in ACTING and before[post] in ACTING}
        other = {post for post in now if {now[post], before[post]} <= ACTING and now[post] != before[post]}
        found = {change: one["changes"].get(change, 0) for change in ("comes", "goes", "changes")}
        assert found == {"comes": len(come), "goes": len(go), "changes": len(other)}
        if name != "live":
            changed = [
                json.loads(line) for line in (done[0] / f"changes-{name}.jsonl").read_text().splitlines()
            ]
            assert {line["post_id"]: line["change"] for line in changed} == (
                dict.fromkeys(come, "comes") | dict.fromkeys(go, "goes") | dict.fromkeys(other, "changes")
            )
        _check_against_staff(one, now, run.verdicts)
        _check_reviews(one["reviews"], now)
    assert results["stricter"]["changes"]["goes"] > 0 == results["stricter"]["changes"].get("comes", 0)
    assert results["looser"]["changes"]["comes"] > 0 == results["looser"]["changes"].get("goes", 0)
    assert min(results["linear"]["changes"][change] for change in ("comes", "goes")) > 0
    assert report["decisions"]["read"] == len(run.decisions)
    assert report["decisions"]["elsewhere"] == 1


def _check_against_staff(one: dict[str, Any], now: dict[str, str], verdicts: dict[str, str]) -> None:
    sure = {post: verdict for post, verdict in verdicts.items() if verdict != "none"}
    machines = [post for post, verdict in sure.items() if verdict == "machine"]
    for key, actions in (("flagged", ACTING), ("sent_to_people", QUEUED)):
        hits = [post for post, action in now.items() if action in actions]
        reviewed = [post for post in hits if post in sure]
        right = [post for post in reviewed if sure[post] == "machine"]
        found = one[key]
        assert (found["flags"], found["reviewed"]) == (len(hits), len(reviewed))
        assert (found["precision"]["count"], found["precision"]["of"]) == (len(right), len(reviewed))
        assert (found["recall"]["count"], found["recall"]["of"]) == (len(right), len(machines))
        if reviewed:
            share = found["precision"]
            assert share["low"] <= share["value"] <= share["high"]


def _check_reviews(reviews: dict[str, Any], now: dict[str, str]) -> None:
    start = datetime(2026, 3, 1, 6, tzinfo=UTC)
    days = Counter(
        (start + timedelta(seconds=400 * int(post[1:]))).date().isoformat()
        for post, action in now.items()
        if action in QUEUED
    )
    assert reviews["total"] == days.total()
    assert {day: one["reviews"] for day, one in reviews["by_day"].items() if one["reviews"]} == days
    assert (reviews["days"], reviews["mean_per_day"]) == (4, pytest.approx(days.total() / 4, abs=1e-6))


def test_it_says_so_for_people(run: LiveRun, done: tuple[Path, str]) -> None:
    said = done[1]
    assert said.splitlines()[0].split() == ["live", *run.candidates]
    assert f"posts decided{POSTS:>{said.index('live') + 4 - len('posts decided')}}" in said
    assert "They are a selection" in said
    assert "of which the first and the last may not be whole" in said


def test_it_is_verified_as_a_whole_and_each_replay_alone(
    run: LiveRun, done: tuple[Path, str], tmp_path: Path
) -> None:
    out = done[0]
    files = 4 * len(OUTPUTS) + len(run.candidates) + 1
    ended = flagstaff("verify", str(out))
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"{files} files are as the manifest says; not signed\n"
    assert flagstaff("verify", str(out / "linear")).code == 0
    # With the decisions in a file, two processes and a key the outputs are the same.
    file = tmp_path / "decisions.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in run.decisions))
    private, public = key_pair(tmp_path)
    again = tmp_path / "again"
    more = ("--decisions", str(file), "--workers", "2", "--part-records", "200", "--sign", str(private))
    ended = flagstaff(*arguments(run, again, *more), settings=run.environ)
    assert ended.code == 0, ended.err
    names = ["backtest.json", *(f"changes-{name}.jsonl" for name in run.candidates)]
    # The report says whether the manifest is signed, and the manifest has the report's digest.
    same = [output for output in OUTPUTS if output not in {"report.html", "manifest.json"}]
    for name in (*names, *(f"{one}/{output}" for one in run.flags for output in same)):
        assert (again / name).read_bytes() == (out / name).read_bytes()
    assert flagstaff("verify", str(again), "--key", str(public)).code == 0
    (again / "linear" / "diff.jsonl").write_bytes(b"")
    (again / "linear" / "more").write_bytes(b"")
    ended = flagstaff("verify", str(again))
    assert (ended.code, len(ended.said)) == (1, 2)
    assert "linear/diff.jsonl: has 0 bytes" in ended.err
    assert "linear/more: the manifest does not name it" in ended.err


def test_readings_as_recorded_and_no_decisions(run: LiveRun, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ended = flagstaff(*arguments(run, out, "--signals", "recorded", "--no-decisions"), settings=run.environ)
    assert ended.code == 0, ended.err
    assert "No post of the range has a verdict" in ended.out
    report = json.loads((out / "backtest.json").read_text())
    assert report["results"][0]["actions"] == Counter(one["action"] for one in run.flags["live"].values())
    # With one detector the readings are those that the stricter policy's own worker had.
    strict = {flag["post_id"]: flag for flag in _lines(out / "stricter" / "decisions.jsonl")}
    assert strict == run.flags["stricter"]


def test_a_captured_range_needs_no_kafka(run: LiveRun, done: tuple[Path, str], tmp_path: Path) -> None:
    file = tmp_path / "range.jsonl"
    capture_range(run.settings, asked(spans=whole(run.settings)), file)
    away = run.environ | {"KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    one = next(iter(run.candidates.items()))
    named = ("--file", str(file), "--candidate", "=".join(map(str, one)), "--out", str(tmp_path / "out"))
    ended = flagstaff("backtest", *named, settings=away)
    assert ended.code == 0, ended.err
    assert "No post of the range has a verdict" in ended.out
    flags = (tmp_path / "out" / one[0] / "decisions.jsonl").read_bytes()
    assert flags == (done[0] / one[0] / "decisions.jsonl").read_bytes()


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--candidate", "live=x.yaml"], "'live' can't be a candidate's name"),
        (["--candidate", "x=none.yaml"], "can't read none.yaml"),
        (["--candidate", "stricter=x.yaml"], "'stricter' is given twice"),
        (["--decisions", "none.jsonl"], "--decisions none.jsonl: No such file"),
        (["--decisions", "x", "--no-decisions"], "not both"),
    ],
)
def test_bad_usage_exits_with_2(run: LiveRun, tmp_path: Path, more: list[str], told: str) -> None:
    ended = flagstaff(*arguments(run, tmp_path / "out", *more), settings=run.environ)
    assert ended.code == 2
    assert told in ended.err


def test_without_a_decisions_topic_it_says_what_to_do(run: LiveRun, tmp_path: Path) -> None:
    missing = run.environ | {"TOPICS__DECISIONS": unique_name("missing")}
    ended = flagstaff(*arguments(run, tmp_path / "out"), settings=missing)
    assert (ended.code, len(ended.said)) == (1, 1)
    assert "--no-decisions does without" in ended.err
    assert not (tmp_path / "out").exists()
