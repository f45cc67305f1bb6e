from __future__ import annotations

import fcntl
from typing import TYPE_CHECKING

import msgspec
import pytest

from worker.lab.generation.file import GeneratedFile, encoded, read_generated
from worker.lab.generation.lines import GeneratedText, Generation, GenerationError, Parameters

if TYPE_CHECKING:
    from pathlib import Path

PARAMETERS = Parameters(
    generator="tiny",
    revision=None,
    weights="w",
    tokenizer="t",
    end_tokens=(2,),
    seed=1,
    samplings=("temperature=1",),
    temperature=1.0,
    new_tokens=(9, 9),
    prompts=None,
    prompt_tokens=0,
    prompt_in_text=False,
    source=None,
    number_format="float32",
    platform=("cpu",),
    packages={"torch": "2"},
)


def made(index: int, parameters: Parameters = PARAMETERS) -> GeneratedText:
    return GeneratedText(
        text=f"text {index}, in two\nlines — and more",
        source="generated:tiny",
        generator="tiny",
        sampling="temperature=1",
        domain=None,
        lang=None,
        doc=None,
        generation=Generation(
            index=index,
            seed=index,
            temperature=1.0,
            top_k=None,
            top_p=None,
            most_new_tokens=9,
            new_tokens=9,
            ended=False,
            prompt=None,
            prompt_tokens=0,
            prompt_chars=0,
            parameters=parameters,
        ),
    )


def continued(path: Path, until: int) -> int:
    """Writes what is missing; says how many there were."""
    with GeneratedFile(path, PARAMETERS) as file:
        for index in range(file.lines, until):
            file.write(made(index))
        return file.lines


def test_a_file_is_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    assert continued(path, 3) == 0
    assert list(read_generated(path)) == [made(index) for index in range(3)]


def test_a_file_that_was_cut_anywhere_is_continued_to_the_same_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    continued(path, 3)
    whole = path.read_bytes()
    line = len(encoded(made(0)))
    for cut in (0, 1, line - 1, line, line + 1, 2 * line, len(whole) - 1, len(whole)):
        path.write_bytes(whole[:cut])
        assert continued(path, 3) == cut // line
        assert path.read_bytes() == whole


def test_a_file_may_grow_and_is_never_shortened(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    continued(path, 2)
    assert continued(path, 5) == 2
    whole = path.read_bytes()
    assert continued(path, 3) == 5
    assert path.read_bytes() == whole


def refused(path: Path, parameters: Parameters = PARAMETERS) -> str:
    before = path.read_bytes()
    with pytest.raises(GenerationError) as caught:
        GeneratedFile(path, parameters)
    assert path.read_bytes() == before
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_other_parameters_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    continued(path, 2)
    said = refused(path, msgspec.structs.replace(PARAMETERS, temperature=0.8, weights="x"))
    assert "other parameters (weights w, not x, temperature 1.0, not 0.8)" in said


def test_what_it_did_not_write_is_refused_and_left(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(encoded(made(0)) + b'{"text": "mine", "label": "human", "source": "diary"}\n')
    assert ":2 is no text that" in refused(path)
    path.write_bytes(encoded(made(0)) + encoded(made(2)))
    assert ":2: text 2 stands where text 1 belongs" in refused(path)
    path.write_bytes(b"notes\n")
    assert ":1 is no text that" in refused(path)


def test_a_file_that_another_process_writes_to_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    continued(path, 2)
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert "another process" in refused(path)
    assert continued(path, 3) == 2


def test_a_place_that_can_not_be_written_is_one_clear_line(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none" / "a.jsonl"):
        with pytest.raises(GenerationError, match="can't write to"):
            GeneratedFile(path, PARAMETERS)
    with pytest.raises(GenerationError, match=r"without \.gz"):
        GeneratedFile(tmp_path / "a.jsonl.gz", PARAMETERS)
    assert list(tmp_path.iterdir()) == []
