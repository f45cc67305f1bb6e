"""`flagstaff evaluate` from its options to its files."""

from __future__ import annotations

import gzip
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.support.linear_checkpoint import linear_checkpoint
from tests.unit.lab.evaluation.made_up import made_up
from worker.commands import main
from worker.lab.evaluation.report import EVALUATION, PAGE, Evaluation, read_evaluation

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from worker.lab.corpus import Sample

HOSTILE = "<script>alert(1)</script>"
SAMPLES = [
    *made_up("human", 50, lang="en", domain="news", groups={"dialect": "north"}),
    *made_up("human", 50, lang="en", domain="news", groups={"dialect": "south"}),
    *made_up("machine", 100, generator="small", lang="en"),
    *made_up("machine", 100, generator=HOSTILE, lang="en"),
]


def written(path: Path, samples: Sequence[Sample]) -> Path:
    lines = msgspec.json.Encoder().encode_lines(samples)
    path.write_bytes(gzip.compress(lines) if path.suffix == ".gz" else lines)
    return path


def ended(*arguments: object) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(["evaluate", *map(str, arguments)])
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("evaluate")
    linear_checkpoint(made / "model")
    linear_checkpoint(made / "other", bias=0.5)
    data = written(made / "data.jsonl.gz", SAMPLES)
    learned = written(made / "learned.jsonl", SAMPLES[:10])
    code = ended(
        "--model", made / "model", "--baseline", made / "other", "--data", data, "--learned-from", learned,
        "--out", made / "out", "--draws", 100, "--no-robustness", "--no-bias",
    )  # fmt: skip
    assert code == 0
    return made


@pytest.fixture(scope="module")
def evaluation(folder: Path) -> Evaluation:
    return read_evaluation(folder / "out" / EVALUATION)


def test_it_says_what_was_measured_on_what(evaluation: Evaluation) -> None:
    assert evaluation.detector.name == "model"
    assert evaluation.baseline is not None
    assert evaluation.baseline.digest != evaluation.detector.digest
    corpus = evaluation.corpus
    assert [file.name for file in (*corpus.files, *corpus.learned_from)] == ["data.jsonl.gz", "learned.jsonl"]
    assert (corpus.human, corpus.machine, corpus.learned) == (90, 200, 10)
    assert (evaluation.method.seed, evaluation.method.draws) == (0, 100)
    assert evaluation.slices[0].name == "all texts"
    assert evaluation.slices[0].baseline is not None


def test_the_same_texts_and_seed_give_the_same_bytes_with_and_without_known_logits(
    folder: Path, tmp_path: Path
) -> None:
    options = (
        "--model", folder / "model", "--baseline", folder / "other", "--data", folder / "data.jsonl.gz",
        "--learned-from", folder / "learned.jsonl", "--draws", 100, "--no-robustness", "--no-bias",
    )  # fmt: skip
    expected = (folder / "out" / EVALUATION).read_bytes()
    for out in (folder / "out", tmp_path / "new"):
        assert ended(*options, "--out", out) == 0
        assert (out / EVALUATION).read_bytes() == expected


def test_the_page_can_be_made_again_from_the_figures(folder: Path, tmp_path: Path) -> None:
    assert ended("--from", folder / "out" / EVALUATION, "--out", tmp_path) == 0
    assert (tmp_path / PAGE).read_bytes() == (folder / "out" / PAGE).read_bytes()


def test_the_page_is_whole_escapes_what_it_shows_and_asks_no_server(folder: Path) -> None:
    page = (folder / "out" / PAGE).read_text()
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)" in page
    assert not re.search(r"https?:|//\w|@import|url\(|<script|<link|<img|<iframe", page)

    class Reader(HTMLParser):
        """Every element that is opened is closed, in its place."""

        open: list[str]

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            del attrs
            if tag not in {"meta", "br"}:
                self.open.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    reader = Reader()
    reader.open = []
    reader.feed(page)
    assert reader.open == []
    assert page.index("Calibrated for texts of") < page.index("<table>")


def test_a_gate_that_fails_ends_with_1_and_says_why(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    linear_checkpoint(tmp_path / "strict", bias=9.0)
    options = ("--model", tmp_path / "strict", "--data", folder / "data.jsonl.gz", "--draws", 100)
    assert ended(*options, "--no-robustness", "--out", tmp_path / "told") == 0
    bias = read_evaluation(tmp_path / "told" / EVALUATION).bias
    assert bias is not None
    [failure] = [one for one in bias.failures if one.of == "dialect" and one.group.startswith("north")]
    assert f"bias: dialect, {failure.group}: {failure.why}" in capsys.readouterr().err.splitlines()
    assert "fails</strong>" in (tmp_path / "told" / PAGE).read_text()

    gate = tmp_path / "gate.yaml"
    gate.write_text("bound: 0.5\n")
    assert ended(*options, "--no-robustness", "--gate", gate, "--out", tmp_path / "told") == 1
    gate.write_text("bound: 1.0\n")
    assert ended(*options, "--no-robustness", "--gate", gate, "--out", tmp_path / "told") == 0


def test_attacks_and_the_transfer_matrix_stand_in_it(folder: Path, tmp_path: Path) -> None:
    code = ended(
        "--model", folder / "model", "--data", folder / "data.jsonl.gz", "--out", tmp_path, "--draws", 100,
        "--no-bias", "--transfer", "generator", "--transfer-among", "small", "--transfer-among", HOSTILE,
    )  # fmt: skip
    assert code == 0
    evaluation = read_evaluation(tmp_path / EVALUATION)
    assert evaluation.robustness is not None
    [matrix] = evaluation.transfer
    assert matrix.columns == ("small", HOSTILE)
    page = (tmp_path / PAGE).read_text()
    assert "Transfer by generator" in page
    assert evaluation.robustness.attacks[0].attack in page


@pytest.mark.parametrize(
    ("options", "code", "why"),
    [
        ((), 2, "name the texts to measure on with --data"),
        (("--data", "none.jsonl", "--from", "x.json"), 2, "--from measures nothing"),
        (("--data", "none.jsonl", "--no-bias", "--enforce"), 2, "need the bias"),
        (("--data", "none.jsonl", "--transfer-among", "a"), 2, "are for --transfer"),
        (("--data", "none.jsonl"), 1, "can't read none.jsonl"),
        (("--from", "none.json"), 1, "can't read none.json"),
    ],
)
def test_a_mistake_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], code: int, why: str
) -> None:
    assert ended(*options, "--out", tmp_path / "out") == code
    [line] = capsys.readouterr().err.splitlines()
    assert why in line


def test_what_was_learned_from_leaves_nothing(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = folder / "data.jsonl.gz"
    model = folder / "model"
    assert ended("--model", model, "--data", data, "--learned-from", data, "--out", tmp_path) == 1
    assert "nothing is left to measure on" in capsys.readouterr().err


def test_another_form_of_evaluation_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "odd.json"
    path.write_text('{"version": 2}')
    assert ended("--from", path, "--out", tmp_path / "out") == 1
    assert f"{path} is no evaluation of this version of Flagstaff" in capsys.readouterr().err
