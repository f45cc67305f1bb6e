from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from worker.lab.corpus import read_samples
from worker.lab.lines import CorpusError

if TYPE_CHECKING:
    from pathlib import Path


def line(text: str, label: str = "human", **fields: Any) -> str:
    return json.dumps({"text": text, "label": label, "source": "here"} | fields)


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def texts(path: Path) -> list[str]:
    return [sample.text for sample in read_samples([path])]


def test_texts_are_canonical_and_other_fields_are_passed_over(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", line("ａ  b\u200b ", sampling="top_k=40", generator=None), "")  # noqa: RUF001 - to be folded
    assert texts(path) == ["a b"]


def test_gzip_is_told_by_the_name(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(line("one").encode()))
    assert texts(path) == ["one"]


def test_a_text_counts_once_and_not_at_all_when_its_labels_differ(tmp_path: Path) -> None:
    lines = [line("one"), line("one"), line("two"), line("two", "machine"), line("three"), line(" ")]
    assert texts(written(tmp_path / "a.jsonl", *lines)) == ["one", "three"]


def test_a_document_counts_once_for_each_of_its_writers(tmp_path: Path) -> None:
    lines = [
        line("it was so", doc="d1"),
        line("it was so and so", doc="d1"),
        line("it was not", "machine", doc="d1", generator="gpt2"),
        line("it was never", "machine", doc="d1", generator="opt"),
        line("it was ever", "machine", doc="d1", generator="opt", sampling="top_k=40"),
        line("it was ever so", "machine", doc="d1", generator="opt", sampling="top_k=40"),
    ]
    assert texts(written(tmp_path / "a.jsonl", *lines)) == [
        "it was so",
        "it was not",
        "it was never",
        "it was ever",
    ]


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("{", "truncated"),
        ('{"text": "a"}', "`label`"),
        (line("a", "robot"), "robot"),
        (line(3), "str"),  # type: ignore[arg-type]  # what is tested
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, broken: str, why: str) -> None:
    path = written(tmp_path / "a.jsonl", line("one"), broken)
    with pytest.raises(CorpusError) as caught:
        read_samples([path])
    assert f"{path}:2: " in str(caught.value)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"not gzip", gzip.compress(b"{}" * 999)[:-9]], ids=["plain", "cut"])
def test_a_file_that_can_not_be_read_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(content)
    for unreadable in (path, tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(CorpusError, match=str(unreadable)):
            read_samples([unreadable])
