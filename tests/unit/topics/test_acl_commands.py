from __future__ import annotations

import shlex

from worker.settings import load_settings
from worker.topics.access import PARTS, rights
from worker.topics.acl_commands import acl_commands


def _lines(part: str, **variables: str) -> list[str]:
    settings = load_settings(environ={f"FLAGSTAFF_{name}": value for name, value in variables.items()})
    (known,) = [one for one in PARTS if one == part]
    found = acl_commands(rights(known, settings), principal="User:x", host="*", servers="kafka:9092")
    return [line for line in found if not line.startswith("#")]


def test_a_line_for_each_resource_with_all_its_operations() -> None:
    (line,) = _lines("hold")
    assert line == (
        "kafka-acls.sh --bootstrap-server kafka:9092 --add --allow-principal User:x --operation Read "
        "--operation Write --topic holds"
    )


def test_ids_that_are_made_at_run_time_are_named_by_their_beginning() -> None:
    (line,) = [one for one in _lines("worker", KAFKA__TRANSACTIONAL_ID_PREFIX="mod") if "mod-" in one]
    assert line.endswith("--operation Write --transactional-id mod- --resource-pattern-type prefixed")


def test_a_name_with_odd_characters_stays_one_word() -> None:
    (line,) = [one for one in _lines("worker", KAFKA__GROUP_ID="a group; rm") if "--group" in one]
    assert shlex.split(line)[-2:] == ["--group", "a group; rm"]


def test_what_is_not_used_needs_no_right() -> None:
    plain = " ".join(_lines("worker", ACTION_RATE__ENABLED="false"))
    assert "holds" not in plain
    assert "stages" not in plain
    assert "stages" in " ".join(_lines("worker", STAGE__MODEL="constant"))
    assert "appeals" not in " ".join(_lines("check"))
    (line,) = [one for one in _lines("check", REVIEW__LOCK_S="60") if "appeals" in one]
    assert line.endswith("--operation Describe --topic appeals")
