"""The schemas in `schemas/` are those of the code, true of real records, and break no old reader.

`schemas-v1/` holds the schemas as they were first released. It never changes: a schema that can't keep up
with it needs a second version beside the first.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml
from click.testing import CliRunner

from tests.support.compatibility import broken_readers, broken_writers
from worker.asyncapi import asyncapi
from worker.commands.schema import documents, schema
from worker.policy import DEFAULT_FILE
from worker.records import (
    Appeal,
    DeciderStamp,
    Decision,
    DetectorReading,
    Flag,
    GateReading,
    Hold,
    LiveDecision,
    PolicyStamp,
    ShadowDecision,
    SignalReading,
    Source,
    StageStep,
)
from worker.schemas import schemas
from worker.settings import TopicSettings

ROOT = Path(__file__).parents[2]
RELEASED = Path(__file__).parent / "schemas-v1"


def as_json(record: msgspec.Struct) -> Any:
    return msgspec.json.decode(msgspec.json.encode(record))


FLAG = Flag(
    id="f1",
    post_id="p1",
    author_id=None,
    source=Source("posts", 0, 42, 1_772_366_400_000),
    action="review",
    score=0.93,
    detector=DetectorReading(
        name="linear",
        digest="00ff",
        logit=2.1,
        probability=0.88,
        tokens=61,
        truncated=False,
        calibrated=True,
        threshold=None,
        false_positive_bound=None,
    ),
    signals=(SignalReading("account_age", None, 0.0), SignalReading("duplicate_text", 7.0, 0.9)),
    reasons=("one plain sentence",),
    policy=PolicyStamp("default", "ff00"),
    metadata={"room": 1},
)
DECISION = Decision(
    flag_id="f1", post_id="p1", reviewer="r1", verdict="unsure", decided_at=datetime(2026, 3, 1, tzinfo=UTC)
)
APPEAL = Appeal(
    id="e1", flag_id="f1", post_id="p1", statement="…", appealed_at=datetime(2026, 3, 2, tzinfo=UTC)
)
HOLD = Hold(
    group="flagstaff",
    action="review",
    held=True,
    by="w-0",
    at=datetime(2026, 3, 1, tzinfo=UTC),
    note="one plain sentence",
    share=0.97,
    usual=0.01,
    posts=147,
)
SHADOW = ShadowDecision(
    flag=FLAG,
    live=LiveDecision(
        flag_id="f0",
        action="pass",
        score=0.2,
        probability=0.3,
        calibrated=True,
        detector="00fe",
        policy="ff00",
    ),
)
STAMP = DeciderStamp(detector="linear", detector_digest="00ff", policy="default", policy_digest="ff00")
STAGE = StageStep(
    group="flagstaff",
    number=2,
    challenger=STAMP,
    live=STAMP,
    stage="share",
    share=0.05,
    by="r1",
    at=datetime(2026, 3, 1, tzinfo=UTC),
    note=None,
    gates=(
        GateReading(
            gate="bias",
            status="not-measured",
            value=None,
            low=None,
            high=None,
            limit=None,
            count=0,
            detail="x",
        ),
    ),
)
POST = {
    "id": "p1",
    "text": "…",
    "created_at": "2026-03-01T12:00:00Z",
    "lang": "en",
    "reply_to": None,
    "client": "web",
    "author": {"id": "a1", "created_at": "2024-01-01T00:00:00Z", "followers": 12, "verified": False},
    "metadata": {},
    "unknown": True,
}
DEAD_LETTER = {
    "flagstaff-error": "the record is not JSON",
    "flagstaff-stage": "decode",
    "flagstaff-source": "posts/0/42",
    "flagstaff-attempts": "1",
    "traceparent": "00-…",
}
SAMPLES: dict[str, list[Any]] = {
    "post": [POST, {"id": "p1", "text": ""}],
    "flag": [as_json(FLAG)],
    "decision": [
        as_json(DECISION),
        as_json(msgspec.structs.replace(DECISION, note="x")),
        as_json(msgspec.structs.replace(DECISION, appeals=("e1",))),
    ],
    "appeal": [as_json(APPEAL), {key: value for key, value in as_json(APPEAL).items() if key != "schema"}],
    "shadow": [as_json(SHADOW)],
    "stage": [as_json(STAGE), as_json(msgspec.structs.replace(STAGE, stage="off", share=0.0, gates=()))],
    "policy": [yaml.safe_load(DEFAULT_FILE.read_text(encoding="utf-8"))],
    "dead-letter-headers": [DEAD_LETTER],
    "flag-headers": [
        {"decided-at": "2026-03-01T12:00:00.000+00:00", "worker": "w-0", "cache": "hit"} | held
        for held in ({}, {"flagstaff-held": "limit"})
    ],
    "hold": [
        as_json(HOLD),
        as_json(msgspec.structs.replace(HOLD, held=False, share=None, usual=None, posts=None)),
    ],
}


def released(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((RELEASED / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schemas()[name])


@pytest.mark.parametrize("file", documents())
def test_the_file_in_schemas_is_the_one_that_the_code_makes(file: str) -> None:
    assert (ROOT / "schemas" / file).read_text(encoding="utf-8") == documents()[file], "run `make docs`"


def test_there_is_no_file_besides() -> None:
    assert {path.name for path in (ROOT / "schemas").iterdir()} == set(documents())


@pytest.mark.parametrize("name", schemas())
def test_each_schema_is_one_and_true_of_records(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schemas()[name])
    for sample in SAMPLES[name]:
        validator(name).validate(sample)


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("post", {"id": "p1"}),
        ("post", POST | {"author": {"followers": 1}}),
        ("flag", {key: value for key, value in as_json(FLAG).items() if key != "schema"}),
        ("flag", as_json(FLAG) | {"action": "delete"}),
        ("decision", {"schema": "decision.v1"}),
        ("appeal", as_json(APPEAL) | {"statement": "x" * 10_001}),
        ("appeal", {key: value for key, value in as_json(APPEAL).items() if key != "flag_id"}),
        ("hold", as_json(HOLD) | {"action": "label"}),
        ("shadow", as_json(FLAG)),
        ("stage", as_json(STAGE) | {"stage": "half"}),
        ("stage", as_json(STAGE) | {"share": 1.5}),
        ("policy", SAMPLES["policy"][0] | {"nmae": "x"}),
        ("dead-letter-headers", DEAD_LETTER | {"flagstaff-source": "posts"}),
    ],
)
def test_a_schema_refuses_what_is_not_such_a_record(name: str, record: Any) -> None:
    assert not validator(name).is_valid(record)


@pytest.mark.parametrize("name", ["post", "policy"])
def test_what_was_accepted_at_release_still_is(name: str) -> None:
    assert broken_writers(old=released(name), new=schemas()[name]) == []


@pytest.mark.parametrize("name", ["flag", "decision", "hold"])
def test_readers_from_release_on_still_read_everything(name: str) -> None:
    assert broken_readers(old=released(name), new=schemas()[name]) == []


def test_the_asyncapi_document_refers_only_to_what_it_holds() -> None:
    document = asyncapi(TopicSettings(posts="incoming"))
    assert document["channels"]["posts"]["address"] == "incoming"
    found: list[str] = []

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            found.extend([node["$ref"]] if "$ref" in node else [])
            node = list(node.values())
        if isinstance(node, list):
            for child in node:
                walk(child)

    walk(document)
    assert len(found) > 10
    for reference in found:
        node = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]
    for name, sample in (("Post", POST), ("Flag", as_json(FLAG))):
        whole = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        jsonschema.Draft202012Validator(whole).validate(sample)


def test_the_command_prints_one_or_writes_all(tmp_path: Path) -> None:
    run = CliRunner().invoke
    assert json.loads(run(schema, ["flag"]).output) == schemas()["flag"]
    assert yaml.safe_load(run(schema, []).output) == asyncapi()
    assert run(schema, ["--out", str(tmp_path / "new")]).exit_code == 0
    assert {path.name for path in (tmp_path / "new").iterdir()} == set(documents())
    assert run(schema, ["post", "--out", str(tmp_path / "one")]).exit_code == 0
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["post.json"]
    refused = run(schema, ["flga"])
    assert refused.exit_code == 2
    assert "dead-letter-headers" in refused.output
