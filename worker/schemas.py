"""JSON Schemas (2020-12) of what is on the topics and in the policy file, made from the structs."""

from __future__ import annotations

from inspect import cleandoc
from typing import Any, Final, get_args

import msgspec

from worker.action_rate.hold import ACTIONS as HOLDABLE
from worker.action_rate.hold import HEADER as HELD
from worker.policy import Policy
from worker.records import Appeal, Decision, Flag, Hold, Post, ShadowDecision, StageStep
from worker.stream.dead_letters import ATTEMPTS, ERROR, SOURCE, STAGE, Stage

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

# What the worker reads may be less than whole; what it writes always holds every field.
_READ: Final[dict[str, type[msgspec.Struct]]] = {"post": Post, "appeal": Appeal, "policy": Policy}
_WRITTEN: Final[dict[str, type[msgspec.Struct]]] = {
    "flag": Flag,
    "decision": Decision,
    "hold": Hold,
    "shadow": ShadowDecision,
    "stage": StageStep,
}


def schemas() -> dict[str, dict[str, Any]]:
    """Every schema by its short name, each whole in itself."""
    made = {
        name: _standing_alone(kind, written=name in _WRITTEN) for name, kind in {**_READ, **_WRITTEN}.items()
    }
    made["flag-headers"] = FLAG_HEADERS
    made["dead-letter-headers"] = DEAD_LETTER_HEADERS
    return {
        name: {"$schema": DIALECT, "$id": f"urn:flagstaff:{name}:v1"} | schema
        for name, schema in made.items()
    }


def components(ref_template: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The records' schemas for a larger document: (reference by short name, schema by struct name).

    Args:
        ref_template: how one schema refers to another, with `{name}` in it.
    """
    kinds = {"post": Post, "appeal": Appeal, **_WRITTEN}
    references, structs = msgspec.json.schema_components(kinds.values(), ref_template=ref_template)
    written = _names_below(*_WRITTEN.values())
    return (
        dict(zip(kinds, references, strict=True)),
        {name: _tidy(schema, written=name in written) for name, schema in structs.items()},
    )


def _standing_alone(kind: type[msgspec.Struct], *, written: bool) -> dict[str, Any]:
    _, structs = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    tidied = {name: _tidy(schema, written=written) for name, schema in structs.items()}
    # The struct itself stands at the top, not behind a reference: some readers ignore what is beside one.
    top: dict[str, Any] = tidied.pop(kind.__name__)
    return {**top, **({"$defs": tidied} if tidied else {})}


def _names_below(*kinds: type[msgspec.Struct]) -> set[str]:
    return set(msgspec.json.schema_components(kinds)[1])


def _tidy(schema: dict[str, Any], *, written: bool) -> dict[str, Any]:
    """The schema with its docstring's indentation removed; a written field with a default is always there."""
    if "description" in schema:
        schema["description"] = cleandoc(schema["description"])
    if written:
        for name, field in schema["properties"].items():
            if "default" in field:
                del field["default"]
                schema["required"] = [name, *schema["required"]]
    return schema


def _text(description: str, **rest: Any) -> dict[str, Any]:
    return {"description": description, "type": "string", **rest}


FLAG_HEADERS: Final = {
    "title": "FlagHeaders",
    "description": "What of a flag depends on when and where it was made. Each value is text in UTF-8.",
    "type": "object",
    "properties": {
        "decided-at": _text("When it was decided.", format="date-time"),
        "worker": _text("Transactional id of the worker that decided."),
        "cache": {"description": "Whether the score came from the cache.", "enum": ["hit", "miss"]},
        HELD: {
            "description": "The policy's action, where the action-rate breaker holds it down to `label`.",
            "enum": list(HOLDABLE),
        },
        "traceparent": _text("W3C trace context of the post's record, where it had one."),
    },
    "required": ["decided-at", "worker", "cache"],
}

DEAD_LETTER_HEADERS: Final = {
    "title": "DeadLetterHeaders",
    "description": "A dead letter has the key, value and headers of its source record, unchanged, and "
    "these beside them. Each value is text in UTF-8.",
    "type": "object",
    "properties": {
        ERROR: _text("One sentence that says what is wrong.", maxLength=500),
        STAGE: {"description": "Where it went wrong.", "enum": list(get_args(Stage))},
        SOURCE: _text("Where the record was: topic/partition/offset.", pattern="^.+/[0-9]+/[0-9]+$"),
        ATTEMPTS: _text("How often this record has become a dead letter.", pattern="^[1-9][0-9]*$"),
    },
    "required": [ERROR, STAGE, SOURCE, ATTEMPTS],
}
