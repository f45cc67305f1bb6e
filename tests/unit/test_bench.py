"""The engine's benchmark, on a model so small that it shows only that everything runs and adds up."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from benchmarks import replay
from benchmarks.engine import cache, contract, stream
from benchmarks.engine.__main__ import main
from benchmarks.engine.checkpoint import write_checkpoint
from benchmarks.engine.contract import KEYS, Figures, Part, promised
from benchmarks.engine.figures import lines
from benchmarks.engine.lineup import lineup
from benchmarks.engine.rounds import Measured, Row, measure
from benchmarks.engine.shapes import SHAPES, Shape
from benchmarks.engine.spread import Spread
from benchmarks.engine.task import Contestant, NumberFormat, Task
from benchmarks.engine.workload import LENGTHS, Lengths, workload
from worker.commands.bench import bench
from worker.cores import THREADS_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TINY = SHAPES["tiny"]
PEERS = {
    "openvino": ("openvino", "nncf"),
    "onnxruntime": ("onnxruntime", "onnx", "onnxscript"),
    "sentence-transformers": ("sentence_transformers",),
}


@pytest.fixture(autouse=True)
def _own_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The benchmark sets it for the engine; afterwards it is what it was."""
    monkeypatch.setenv(THREADS_VARIABLE, "2")


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    folder = tmp_path_factory.mktemp("tiny")
    write_checkpoint(folder, TINY)
    posts, others = (workload("lognormal", 12, TINY.vocabulary, seed) for seed in (1, 2))
    return Task(folder, posts, others, threads=2, streams=2)


def positive(figure: object) -> bool:
    return isinstance(figure, float) and figure > 0


def test_the_table_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("openvino", "onnxruntime"):
        monkeypatch.setitem(sys.modules, package, None)
    engines = ["engine", "pipeline", "padded", "openvino", "onnxruntime"]
    file = tmp_path / "figures.json"
    size = ["--model", "tiny", "--posts", "12", "--rounds", "2"]
    main([*size, "--dtype", "float32", "bfloat16", "--engines", *engines, "--json", str(file)])
    figures = json.loads(file.read_text())
    for key in ("engine.over_pipeline_32", "engine.of_matmul", "engine.bfloat16.over_padded_32"):
        assert positive(figures[key])
        assert figures[f"{key}.least"] <= figures[key] <= figures[f"{key}.most"]
    assert figures["engine.float32.over_pipeline_1"] > 0
    assert figures["engine.float32.worst_difference"] == 0
    assert 0 < figures["padded_32.float32.worst_difference"] < 1e-4
    assert figures["padded_32.bfloat16.worst_difference"] > figures["padded_32.float32.worst_difference"]
    assert figures["engine.over_openvino_float32"] is None
    missing = "openvino, float32: the package openvino is not installed (extra `bench`)"
    assert figures["engine.over_openvino_float32.reason"] == missing
    assert figures["engine.over_openvino_int8.reason"] == "int8 was not asked for"
    assert (figures["model"], figures["posts"], figures["rounds"]) == ("tiny", 12, 2)
    assert figures["machine.cores"] == os.cpu_count()


def test_the_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    size = ["--model", "tiny", "--posts", "4", "--rounds", "1"]
    main([*size, "--dtype", "float32", "bfloat16", "--engines", "engine"])
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("model tiny, lengths lognormal, posts 4, ")
    assert [line.split()[:3] for line in out[2:4]] == [
        ["this", "engine", "float32"],
        ["this", "engine", "bfloat16"],
    ]


def test_the_peers_that_are_installed() -> None:
    peers = [name for name, packages in PEERS.items() if all(find_spec(package) for package in packages)]
    if not peers:
        pytest.skip("none of the peers is installed (extra `bench`)")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.engine", "--model", "tiny", "--posts", "8", "--rounds", "1"),
            *("--dtype", "float32", "int8", "--json", "-", "--engines", "engine", *peers),
        ],
        check=True,
        stdout=subprocess.PIPE,
    )
    figures = json.loads(done.stdout)
    keys = {
        "openvino": ("float32.over_openvino", "int8.over_openvino", "int8.over_openvino_sorted_32"),
        "onnxruntime": ("float32.over_onnxruntime", "int8.over_onnxruntime"),
        "sentence-transformers": ("float32.over_cross_encoder",),
    }
    assert all(positive(figures[f"engine.{key}"]) for peer in peers for key in keys[peer])


def test_an_engine_that_runs_another_model_is_told(task: Task) -> None:
    honest, _ = lineup(task, ["padded"], ["float32"])
    assert len(measure(task, TINY, honest, 1).rows) == 1
    liar = Contestant("liar", "another model", "float32", lambda: [0.0] * 12)
    with pytest.raises(ValueError, match="another model is off by"):
        measure(task, TINY, [liar], 1)
    broken = Contestant("broken", "broken", "float32", lambda: [math.nan] * 12)
    with pytest.raises(ValueError, match="broken is off by nan"):
        measure(task, TINY, [broken], 1)


@pytest.mark.parametrize("lengths", LENGTHS)
def test_a_text_has_the_tokens_that_it_states(task: Task, lengths: Lengths) -> None:
    transformers = pytest.importorskip("transformers")
    posts = workload(lengths, 50, TINY.vocabulary, 5)
    tokenizer = transformers.AutoTokenizer.from_pretrained(task.folder, local_files_only=True)
    assert tuple(map(tuple, tokenizer(list(posts.texts))["input_ids"])) == posts.ids
    assert posts == workload(lengths, 50, TINY.vocabulary, 5)
    assert posts != workload(lengths, 50, TINY.vocabulary, 6)


def test_lengths_follow_their_law() -> None:
    drawn = {law: workload(law, 2_000, TINY.vocabulary, 0).lengths for law in LENGTHS}
    assert {law: (min(found), max(found)) for law, found in drawn.items()} == {
        "lognormal": (4, 512),
        "short": (8, 24),
        "long": (384, 512),
    }
    assert sorted(drawn["lognormal"])[1_000] == pytest.approx(45, abs=4)


def test_operations_of_a_pass() -> None:
    # One layer, two wide, three wide within, a text of five tokens: (16 + 12) weights and 2 * 25 * 2 products
    # of attention, four weights of the classifier, two operations each.
    assert Shape("Bert", 1, 2, 3, 1, 8, 10).operations([5]) == 2 * (28 * 5 + 100 + 4)


def test_ratios_are_those_of_one_round() -> None:
    def row(key: str, number_format: NumberFormat, *seconds: float) -> Row:
        return Row(Contestant(key, key, number_format, list), seconds, 0.0)

    measured = Measured(
        (
            row("engine", "float32", 1, 2, 1),
            row("pipeline_32", "float32", 4, 12, 5),
            row("engine", "int8", 1, 1, 1),
        ),
        {"float32": (10.0, 10.0, 20.0), "int8": (10.0, 20.0, 40.0)},
        1.0,
    )
    engine, pipeline, int8 = lines(measured, posts=6, operations=5.0)
    assert pipeline.engine_over == Spread(5, 4, 6)
    assert engine.over_pipeline_32 == Spread(5, 4, 6)
    assert int8.over_pipeline_32 == Spread(5, 4, 12)
    assert (engine.posts_per_s, pipeline.posts_per_s) == (6, 1.2)
    assert engine.of_matmul == Spread(0.25, 0.25, 0.5)
    assert int8.of_matmul == Spread(0.25, 0.125, 0.5)


def test_the_share_of_a_cache_hit(capsys: pytest.CaptureFixture[str]) -> None:
    cache.main(["--model", "tiny", "--posts", "8", "--rounds", "2", "--json"])
    figures = json.loads(capsys.readouterr().out)
    assert 0 < figures["cache.hit_share.least"] <= figures["cache.hit_share"] < 1


@pytest.mark.parametrize("command", [main, stream.main, cache.main, replay.main])
def test_a_count_is_from_1_up(
    command: Callable[[list[str]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command(["--rounds", "0"])
    assert "argument --rounds: invalid count value: '0'" in capsys.readouterr().err


def test_what_is_promised_and_no_more() -> None:
    found: dict[str, Any] = {"cache.hit_share": 0.001, "cache.hit_share.least": 0.0005, "model": "tiny"}
    figures = promised(found | {"machine.cores": 2, "padded_32.float32.posts_per_s": 3.0}, {})
    reasons = {f"{key}.reason" for key in KEYS if key != "cache.hit_share"}
    assert figures.keys() == {*KEYS, *reasons, "machine.cores", "model", "lengths", "posts", "rounds"}
    assert figures["cache.hit_share"] == 0.001
    assert promised({"engine.float32.posts_per_s": 40.0}, {})["engine.posts_per_s"] == 40.0


def test_a_benchmark_that_fails_leaves_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract, "PARTS", (Part("cache.", "benchmarks.nowhere", (), ()),))
    figures, failed = contract.measure()
    assert failed == ("benchmarks.nowhere",)
    assert figures["cache.hit_share"] is None
    assert "No module named benchmarks.nowhere" in figures["cache.hit_share.reason"]
    assert figures["replay.of_live.reason"] == "it was not measured"


@pytest.mark.parametrize(("failed", "code"), [((), 0), (("benchmarks.stream",), 1)])
def test_the_command(monkeypatch: pytest.MonkeyPatch, failed: tuple[str, ...], code: int) -> None:
    flat = promised({"engine.of_matmul": 0.9, "machine.cpu": "abacus"}, {"cache.hit_share": "no Valkey"})

    def measured(*, quick: bool) -> Figures:
        return Figures(flat | {"posts": 7 if quick else 70}, failed)

    monkeypatch.setattr(contract, "measure", measured)
    ended = CliRunner().invoke(bench, ["--json"])
    assert (json.loads(ended.stdout), ended.exit_code) == (flat | {"posts": 70}, code)
    table = CliRunner().invoke(bench, ["--quick"]).stdout
    assert "engine.of_matmul                     0.9\n" in table
    assert "cache.hit_share                        -  no Valkey\n" in table
    assert "machine.cpu                     abacus\n" in table
    assert "posts                           7\n" in table


def test_without_a_checkout_it_says_where_to_run_it() -> None:
    code = (
        "import sys; sys.modules['benchmarks'] = None\n"
        "from worker.commands import main; main(['bench', '--json'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("flagstaff: bench: the benchmarks lie beside Flagstaff's sources")
    assert len(done.stderr.splitlines()) == 1
