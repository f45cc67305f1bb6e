"""Decisions of the staff as labelled texts, and the forms that texts come in."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from worker.lab.calibration.reviewed import reviewed
from worker.lab.calibration.texts import human, labelled
from worker.lab.corpus import each_once
from worker.lab.lines import CorpusError

if TYPE_CHECKING:
    from pathlib import Path


def written(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def decision(flag: str, verdict: str, reviewer: str = "r", day: int = 1, **more: Any) -> dict[str, Any]:
    return more | {
        "schema": "decision.v1",
        "flag_id": flag,
        "post_id": f"p-{flag}",
        "reviewer": reviewer,
        "verdict": verdict,
        "decided_at": f"2026-03-{day:02}T12:00:00Z",
    }


def flag(name: str, offset: int) -> dict[str, Any]:
    source = {"topic": "posts", "partition": 0, "offset": offset, "timestamp": 1}
    return {"schema": "flag.v1", "id": name, "post_id": f"p-{name}", "source": source, "score": 0.9}


def post(name: str, text: str, **more: Any) -> dict[str, Any]:
    return {"id": f"p-{name}", "text": text, "author": {"id": f"a-{name}"}, "lang": "en"} | more


def place(offset: int) -> dict[str, Any]:
    return {"topic": "posts", "partition": 0, "offset": offset}


def test_decisions_are_joined_with_flags_and_flags_with_posts(tmp_path: Path) -> None:
    decisions = written(
        tmp_path / "decisions.jsonl",
        decision("1", "machine"),
        # The latest of a reviewer counts, whatever order they come in.
        decision("2", "machine", day=2),
        decision("2", "human", day=1),
        # Two against one.
        decision("3", "human", "a"),
        decision("3", "human", "b"),
        decision("3", "machine", "c"),
        decision("4", "unsure"),
        decision("5", "human", "a"),
        decision("5", "machine", "b"),
        decision("6", "human"),
        decision("7", "human"),
        decision("8", "human"),
        decision("9", "human"),
        # Its answer to an appeal outweighs however many came before.
        decision("10", "machine", "a"),
        decision("10", "machine", "b"),
        decision("10", "human", "c", day=3, appeals=["e1"]),
    )
    flags = written(tmp_path / "flags.jsonl", *(flag(str(one), one) for one in (1, 2, 3, 4, 5, 7, 8, 9, 10)))
    posts = written(
        tmp_path / "posts.jsonl",
        post("1", "one"),
        post("2", "two"),
        post("3", "  three\u200b "),
        # Edited: the id alone does not tell which text was flagged; the place does.
        post("8", "before"),
        post("8", "after"),
        post("9", "before", source=place(90)),
        post("9", "after", source=place(9)),
        post("10", "ten"),
    )
    found = reviewed([decisions], [flags], [posts])
    assert [(one.text, one.label, one.author, one.source, one.lang) for one in found.samples] == [
        ("one", "machine", "a-1", "reviewed", "en"),
        ("two", "machine", "a-2", "reviewed", "en"),
        ("three", "human", "a-3", "reviewed", "en"),
        ("after", "human", "a-9", "reviewed", "en"),
        ("ten", "human", "a-10", "reviewed", "en"),
    ]
    assert (found.decisions, found.unsure, found.disputed) == (16, 1, 1)
    assert found.overturned == 1
    assert (found.no_flag, found.no_post) == (1, 2)


def test_texts_come_as_posts_or_as_labelled_texts(tmp_path: Path) -> None:
    both = written(
        tmp_path / "texts.jsonl",
        {"text": "a", "label": "human", "source": "tweets:x", "author": "n", "doc": "d"},
        post("1", "b", label="machine"),
    )
    first, second = labelled([both])
    assert (first.family, first.author, first.doc) == ("tweets", "n", "d")
    assert (second.family, second.author, second.label) == ("posts", "a-1", "machine")
    packed = tmp_path / "posts.jsonl.gz"
    packed.write_bytes(gzip.compress(json.dumps(post("2", "c")).encode()))
    assert [one.label for one in human([packed])] == ["human"]


def test_each_text_and_each_document_counts_once(tmp_path: Path) -> None:
    texts = written(
        tmp_path / "texts.jsonl",
        {"text": "same", "label": "human"},
        {"text": "same", "label": "human"},
        {"text": "whose", "label": "human"},
        {"text": "whose", "label": "machine"},
        {"text": "long piece", "label": "human", "doc": "d"},
        {"text": "long", "label": "human", "doc": "d"},
        {"text": " ", "label": "human"},
    )
    assert [one.text for one in each_once(labelled([texts]))] == ["same", "long piece"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"text": "a"}, "texts.jsonl:2: no `label`"),
        ({"label": "human"}, "texts.jsonl:2: no post or labelled text"),
        ({"text": "a", "label": "robot"}, "texts.jsonl:2: no post or labelled text"),
    ],
)
def test_a_line_that_is_none_is_named(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    texts = written(tmp_path / "texts.jsonl", {"text": "b", "label": "human"}, row)
    with pytest.raises(CorpusError, match=said):
        list(labelled([texts]))


def test_a_machines_text_among_those_of_humans_is_refused(tmp_path: Path) -> None:
    texts = written(tmp_path / "texts.jsonl", {"text": "b", "label": "machine"})
    with pytest.raises(CorpusError, match="--human is for texts of humans"):
        list(human([texts]))
    with pytest.raises(CorpusError, match="can't read"):
        list(human([tmp_path / "missing.jsonl"]))
