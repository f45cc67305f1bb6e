from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from worker.lab.generation.prompts import read_prompts
from worker.lab.lines import CorpusError

if TYPE_CHECKING:
    from pathlib import Path


def written(path: Path, *rows: dict[str, Any]) -> Path:
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_prompts_are_the_texts_of_humans_each_once(tmp_path: Path, name: str) -> None:
    path = written(
        tmp_path / name,
        {"text": "one  two", "doc": "d1", "label": "human", "author": "x"},
        {"text": "one two three", "doc": "d1", "label": "human"},
        {"text": "by a machine", "doc": "d2", "label": "machine"},
        {"text": "of nobody"},
        {"text": "of nobody"},
        {"text": " "},
    )
    prompts, _ = read_prompts(path)
    assert [(one.text, one.doc) for one in prompts] == [("one  two", "d1"), ("of nobody", None)]


def test_the_digest_is_that_of_what_is_taken(tmp_path: Path) -> None:
    one = read_prompts(written(tmp_path / "a.jsonl", {"text": "one"}))[1]
    also = read_prompts(written(tmp_path / "b.jsonl", {"text": "one"}, {"text": "x", "label": "machine"}))[1]
    other = read_prompts(written(tmp_path / "c.jsonl", {"text": "one", "domain": "news"}))[1]
    assert one == also != other


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'{"text": "a"}\n{"txt": "b"}\n', ":2: "),
        (b'{"text": "a"}\nnothing\n', ":2: "),
        (b'{"text": "a", "label": "machine"}\n', "no text of a human"),
        (b"", "no text of a human"),
    ],
)
def test_what_holds_none_is_one_clear_line(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(CorpusError) as caught:
        read_prompts(path)
    assert str(path) in str(caught.value)
    assert why in str(caught.value)
    with pytest.raises(CorpusError, match="none"):
        read_prompts(tmp_path / "none.jsonl")
