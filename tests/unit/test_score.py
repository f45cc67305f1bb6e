from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command import Ended, flagstaff

if TYPE_CHECKING:
    from pathlib import Path


def score(*arguments: str, stdin: bytes = b"", model: str = "constant", **settings: str) -> Ended:
    return flagstaff("score", *arguments, stdin=stdin, settings={"DETECTOR__MODEL": model} | settings)


def lines(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_each_post_is_one_line_in_order_with_the_flags_detector_object(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_text(
        "".join(json.dumps({"id": f"p{n}", "text": "word " * (n % 7)}) + "\n" for n in range(2_500))
    )
    ended = score(str(path))
    assert (ended.code, ended.err) == (0, "")
    scored = lines(ended.out)
    assert [one["id"] for one in scored] == [f"p{n}" for n in range(2_500)]
    assert scored[1] == {
        "id": "p1",
        "detector": {
            "name": "constant",
            "digest": "constant-1",
            "logit": 0.0,
            "probability": 0.5,
            "tokens": 1,
            "truncated": False,
            "calibrated": False,
            "threshold": None,
            "false_positive_bound": None,
        },
    }


def test_broken_lines_are_named_and_the_others_scored() -> None:
    posts = b'{"id":"a","text":"one"}\n\nbroken\n{"id":"b"}\n\xff\n{"id":"c","text":"two"}'
    ended = score(stdin=posts)
    assert ended.code == 1
    assert [one["id"] for one in lines(ended.out)] == ["a", "c"]
    assert [line.split(": ")[0] for line in ended.err.splitlines()] == ["<stdin>:3", "<stdin>:4", "<stdin>:5"]
    assert "`text`" in ended.err


def test_lines_of_text_have_their_numbers_for_ids() -> None:
    ended = score("--text", "-", stdin="one\n\n  \ndrei Wörter hier\r\n".encode() + b"\xff\nlast")
    assert ended.code == 1
    assert [one["id"] for one in lines(ended.out)] == ["1", "4", "6"]
    assert ended.err == "<stdin>:5: the line is not UTF-8: invalid start byte\n"


def test_the_limits_and_the_mapping_of_the_settings_hold() -> None:
    posts = b'{"key":"a","text":"short"}\n{"key":"b","text":"rather long"}\n'
    ended = score(stdin=posts, FIELDS__ID="key", STREAM__MAX_TEXT_CHARS="6")
    assert [one["id"] for one in lines(ended.out)] == ["a"]
    assert ended.err == "<stdin>:2: the text has 11 characters, more than the 6 allowed\n"
    ended = score("--text", stdin=b"short\nrather long\n", STREAM__MAX_TEXT_CHARS="6")
    assert [one["id"] for one in lines(ended.out)] == ["1"]
    assert ended.err == "<stdin>:2: the text has 11 characters, more than the 6 allowed\n"


def test_another_model_is_one_option() -> None:
    ended = score("--model", "constant", "--text", stdin=b"one", model="/nowhere")
    assert (ended.code, lines(ended.out)[0]["detector"]["name"]) == (0, "constant")


def test_nothing_to_score_is_no_failure() -> None:
    assert score(stdin=b"") == Ended(0, "", "")


@pytest.mark.parametrize("arguments", [["nowhere.jsonl"], ["/"], ["--model", "nowhere", "-"]])
def test_what_can_not_be_read_is_bad_usage(arguments: list[str]) -> None:
    ended = score(*arguments)
    assert ended.code == 2
    assert ended.out == ""
    assert "Traceback" not in ended.err
