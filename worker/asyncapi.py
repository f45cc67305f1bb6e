"""The AsyncAPI 3.0 document: which topics there are, what is on them, who reads and who writes."""

from __future__ import annotations

from typing import Any, Final

from worker.schemas import DEAD_LETTER_HEADERS, FLAG_HEADERS, components
from worker.settings import TopicSettings

# The version of the contract, not of the program: 1.x only ever adds what old readers may ignore.
CONTRACT_VERSION: Final = "1.0.0"


def asyncapi(topics: TopicSettings | None = None) -> dict[str, Any]:
    """The document for topics of these names; by default of those that the settings have unless changed."""
    topics = TopicSettings() if topics is None else topics
    payloads, structs = components("#/components/schemas/{name}")
    messages = {
        "post": _message("A post", payloads["post"])
        | _key("Any, or none; posts with one key are decided in order."),
        "flag": _message("A decision on a post", payloads["flag"])
        | _key("The key of the post's record.")
        | {"headers": {"$ref": "#/components/schemas/FlagHeaders"}},
        "deadLetter": {
            "title": "A record that could not be decided",
            "contentType": "application/octet-stream",
            "payload": {"description": "The bytes of the source record's value, unchanged."},
            "headers": {"$ref": "#/components/schemas/DeadLetterHeaders"},
        }
        | _key("The key of the source record."),
        "decision": _message("What a member of staff decided about a flag", payloads["decision"])
        | _key("The flag's id."),
        "appeal": _message("An author's appeal against a flag", payloads["appeal"])
        | _key("Any, or none; best the flag's id."),
        "hold": _message("An action is held down to `label`, or that is lifted", payloads["hold"])
        | _key("group/action, so that compaction keeps the latest."),
        "shadow": _message("What a challenger would have decided", payloads["shadow"])
        | _key("The key of the post's record."),
        "stage": _message("A step of a staged release", payloads["stage"])
        | _key("Consumer group and number of the step."),
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Flagstaff",
            "version": CONTRACT_VERSION,
            "description": "Posts and appeals in; flags, dead letters and the decisions of the staff out. "
            "Values are JSON in UTF-8; readers ignore fields that they don't know.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {
            "posts": _channel(
                topics.posts, "post", "Posts as the platform publishes them. No value: deleted."
            ),
            "flags": _channel(topics.flags, "flag", "Read it with isolation level read_committed."),
            "deadLetters": _channel(topics.dead_letters, "deadLetter", "Records that could not be decided."),
            "decisions": _channel(topics.decisions, "decision", "What the staff decided about flags."),
            "appeals": _channel(topics.appeals, "appeal", "Authors' appeals, as the platform takes them in."),
            "holds": _channel(topics.holds, "hold", "Which actions are held down. One partition, compacted."),
            "shadow": _channel(
                topics.shadow, "shadow", "Beside the flags; not exactly once, and nobody is to act on it."
            ),
            "stages": _channel(topics.stages, "stage", "One partition; the latest step of a group holds."),
        },
        "operations": {
            "readPosts": _operation(
                "receive", "posts", "Consume posts; offsets are committed with the flags."
            ),
            "publishFlags": _operation(
                "send", "flags", "In the transaction that commits the posts' offsets."
            ),
            "publishDeadLetters": _operation("send", "deadLetters", "In the same transaction."),
            "publishDecisions": _operation("send", "decisions", "From the console of the staff."),
            "readAppeals": _operation("receive", "appeals", "By the console of the staff, in no group."),
            "publishHolds": _operation(
                "send", "holds", "When a breaker trips, and by `flagstaff hold lift`."
            ),
            "readHolds": _operation("receive", "holds", "Followed by every worker, outside its group."),
            "publishShadow": _operation("send", "shadow", "Outside any transaction."),
            "publishStages": _operation("send", "stages", "`flagstaff stage`, each in a transaction."),
            "readStages": _operation("receive", "stages", "Each worker that has a challenger."),
        },
        "components": {
            "messages": messages,
            "schemas": {**structs, "FlagHeaders": FLAG_HEADERS, "DeadLetterHeaders": DEAD_LETTER_HEADERS},
        },
    }


def _message(title: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {"title": title, "contentType": "application/json", "payload": payload}


def _key(description: str) -> dict[str, Any]:
    return {"bindings": {"kafka": {"key": {"description": description}, "bindingVersion": "0.5.0"}}}


def _channel(address: str, message: str, description: str) -> dict[str, Any]:
    return {
        "address": address,
        "description": description,
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
    }


def _operation(action: str, channel: str, summary: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}
