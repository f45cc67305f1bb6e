"""What the staff decide in the console, appeals included, moves a threshold, and a backtest shows it."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pytest

from tests.contract.test_review_console import console_of
from tests.contract.test_review_web import Desk, field
from tests.support.appeals import appeal
from tests.support.command import flagstaff
from tests.support.independent_reader import committed_records
from tests.support.linear_checkpoint import linear_checkpoint
from tests.support.replaying import environ, live, whole
from tests.support.running import publish, worker_settings
from tests.support.topics import create_topic, unique_name
from worker.detector.checkpoint import read_manifest
from worker.records import Decision
from worker.review.entry import mark_of

if TYPE_CHECKING:
    from pathlib import Path

    from worker.settings import Settings

WORDS = ("the", "some", "many", "old", "tall", "house", "river", "bird", "walks", "under", "near", "never")
# A half of people's posts has to hold 200, which is what a calibration wants.
POSTS = 640
EVERY = 4
MISTAKEN = 24
AIM = ("--false-positive-rate", "0.02", "--method", "conformal", "--any-length", "--no-language-identifier")


class Tuned(NamedTuple):
    """What came of the decisions.

    Attributes:
        settings: of the live worker.
        flags: what it published, by post.
        overturned: posts of people that Ann took for a machine's, until their authors appealed.
        machine: posts of machines.
        before: the detector calibrated on the decisions up to then, her mistakes among them.
        after: on these and the appeals' answers.
        report: of the backtest of both.
        changes: the posts on which the second decides otherwise than the live one, by id.
    """

    settings: Settings
    flags: dict[str, dict[str, Any]]
    overturned: set[str]
    machine: set[str]
    before: Path
    after: Path
    report: dict[str, Any]
    changes: dict[str, dict[str, Any]]


def _posts() -> list[dict[str, Any]]:
    """Every fourth post is a machine's, and holds a word that the detector's weights find."""
    random = Random(0)  # noqa: S311 - it guards nothing
    found = []
    for number in range(POSTS):
        words = random.choices(WORDS, k=random.randint(34, 44))
        if not number % EVERY:
            words = [word if random.random() < 0.7 else "moon" for word in words]
        found.append(
            {"id": f"p{number}", "text": " ".join(words), "lang": "en", "author": {"id": f"a{number}"}}
        )
    return found


@pytest.fixture(scope="module")
def tuned(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    folder = tmp_path_factory.mktemp("tuned")
    linear_checkpoint(folder / "live", scale=1e-3)
    names = {name: unique_name(name) for name in ("posts", "flags", "dead_letters", "decisions", "appeals")}
    for name in names.values():
        create_topic(kafka, name)
    own = {
        "TOPICS__DECISIONS": names["decisions"],
        "TOPICS__APPEALS": names["appeals"],
        "DETECTOR__MODEL": str(folder / "live"),
        "SIGNALS__ENABLED": "link_share",
        "REVIEW__DOUBLE_SHARE": "0",
        "ACTION_RATE__ENABLED": "false",
    }
    settings = worker_settings(folder, kafka, names, **own)
    posts = _posts()
    live(settings, [json.dumps(post).encode() for post in posts])
    flags = {flag["post_id"]: flag for flag in map(json.loads, _values(settings, "flags"))}
    machine = {post["id"] for post in posts[::EVERY]}
    # Those of people that a detector would most readily take for a machine's.
    human = sorted(flags.keys() - machine, key=lambda post: flags[post]["detector"]["logit"])
    overturned = set(human[-MISTAKEN:])
    _decide(settings, flags, machine, overturned)
    files = {
        "--flags": _file(folder / "flags.jsonl", _values(settings, "flags")),
        "--posts": _file(folder / "posts.jsonl", _values(settings, "posts")),
    }
    before = _calibrated(folder, "before", files, _values(settings, "decisions"))
    _appeal(settings, flags, overturned)
    after = _calibrated(folder, "after", files, _values(settings, "decisions"))
    candidates = []
    for name, model in (("before", before), ("after", after)):
        (folder / f"{name}.yaml").write_text(json.dumps({"detector": {"model": str(model)}}))
        candidates += ["--candidate", f"{name}={folder / name}.yaml"]
    spans = [
        part for one in whole(settings) for part in ("--offsets", f"{one.partition}:{one.first}-{one.last}")
    ]
    ended = flagstaff(
        "backtest", *spans, *candidates, "--out", str(folder / "trial"), settings=environ(settings) | own
    )
    assert ended.code == 0, ended.err
    report = json.loads((folder / "trial" / "backtest.json").read_text())
    lines = map(json.loads, (folder / "trial" / "changes-after.jsonl").read_text().splitlines())
    changes = {line["post_id"]: line for line in lines}
    return Tuned(settings, flags, overturned, machine, before, after, report, changes)


def _values(settings: Settings, topic: str) -> list[bytes]:
    records = committed_records(settings.kafka.bootstrap_servers, getattr(settings.topics, topic))
    return [record.value() for record in records]


def _file(path: Path, values: list[bytes]) -> Path:
    path.write_bytes(b"\n".join(values) + b"\n")
    return path


def _decide(
    settings: Settings, flags: dict[str, dict[str, Any]], machine: set[str], overturned: set[str]
) -> None:
    """Ann decides on every post: rightly, before this console was there, and wrongly, in this console."""
    servers, topic = settings.kafka.bootstrap_servers, settings.topics.decisions
    done = [_decision(flag, post in machine) for post, flag in flags.items() if post not in overturned]
    publish(servers, topic, map(msgspec.json.encode, done))
    with console_of(settings) as console:
        ann = Desk(console).person("ann")
        key = field(ann.get("/"), "form_key")
        for post in sorted(overturned):
            flag_id = flags[post]["id"]
            form = {"form_key": key, "id": flag_id, "kind": "verdict", "verdict": "machine", "before": "0"}
            answer = ann.post("/act", data=form, follow_redirects=False)
            assert f"done={flag_id}" in answer.headers["location"]


def _decision(flag: dict[str, Any], machine: bool) -> Decision:  # noqa: FBT001 - private
    return Decision(
        flag_id=flag["id"],
        post_id=flag["post_id"],
        reviewer="ann",
        verdict="machine" if machine else "human",
        decided_at=datetime(2026, 3, 1, tzinfo=UTC),
    )


def _appeal(settings: Settings, flags: dict[str, dict[str, Any]], overturned: set[str]) -> None:
    """The authors appeal, and Bob, who has decided on none of these, takes them from the queue."""
    publish(
        settings.kafka.bootstrap_servers,
        settings.topics.appeals,
        [appeal(0, flag_id=flags[post]["id"], post_id=post) for post in sorted(overturned)],
    )
    with console_of(settings) as console:
        bob = Desk(console).person("bob")
        key = field(bob.get("/"), "form_key")
        answered = set()
        for _ in overturned:
            page = bob.post("/next", data={"form_key": key})
            flag_id = page.url.params["id"]
            form = {"form_key": key, "id": flag_id, "kind": "verdict", "verdict": "human", "before": "0"}
            done = bob.post("/act", data=form | {"appeals": mark_of(["e1"])})
            assert "the appeal is answered, the flag overturned" in done.text
            answered.add(flag_id)
        assert answered == {flags[post]["id"] for post in overturned}


def _calibrated(folder: Path, name: str, files: dict[str, Path], decisions: list[bytes]) -> Path:
    given = {"--decisions": _file(folder / f"{name}.jsonl", decisions)} | files
    out = folder / name
    ended = flagstaff(
        "calibrate",
        *("--model", str(folder / "live"), "--out", str(out), *AIM),
        *(str(part) for pair in given.items() for part in pair),
    )
    assert ended.code == 0, ended.err
    return out


def _threshold(model: Path) -> float:
    """The logit above which the detector's word counts."""
    manifest = read_manifest(model)
    assert manifest is not None
    calibration = manifest.calibration
    assert calibration.threshold is not None
    log_odds = math.log(calibration.threshold / (1 - calibration.threshold))
    return (log_odds - calibration.intercept) / calibration.slope


def test_decisions_move_the_threshold_and_overturned_flags_move_it_up(tuned: Tuned) -> None:
    live, before, after = (
        _threshold(model) for model in (tuned.before.parent / "live", tuned.before, tuned.after)
    )
    assert before != live
    assert before < after
    above = [
        sum(tuned.flags[post]["detector"]["logit"] > threshold for post in tuned.overturned)
        for threshold in (before, after)
    ]
    assert above[0] == MISTAKEN > above[1]


def test_the_backtest_shows_what_the_decisions_change(tuned: Tuned) -> None:
    results = {one["name"]: one for one in tuned.report["results"]}
    assert tuned.report["decisions"]["read"] == POSTS + MISTAKEN
    assert tuned.report["decisions"]["overturned"] == MISTAKEN
    # Were an appeal's answer but one vote more, there would be ties.
    people = POSTS - POSTS // EVERY
    assert tuned.report["decisions"]["posts"] == {"human": people, "machine": POSTS // EVERY}
    wrong = {name: one["flagged"]["precision"]["of"] - one["flagged"]["precision"]["count"]
             for name, one in results.items()}  # fmt: skip
    assert wrong["before"] > wrong["after"]
    before = {post for post, flag in tuned.flags.items() if flag["action"] == "label"}
    assert tuned.changes
    for post, line in tuned.changes.items():
        assert line["verdict"] == ("machine" if post in tuned.machine else "human")
        assert line["change"] == ("goes" if post in before else "comes")
