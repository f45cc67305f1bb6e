from __future__ import annotations

import gzip
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from tests.unit.lab.encoder.conftest import rows
from worker.commands import main
from worker.detector.loading import load_detector
from worker.errors import SettingsError
from worker.lab.calibrating import auroc
from worker.lab.encoder.loop import Reporter
from worker.lab.encoder.recipe import Recipe
from worker.lab.encoder.training import Order, train_encoder
from worker.settings import DetectorSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Killed(BaseException):
    """What stands for a kill: nothing in the training may catch it."""


def order(base: Path, data: Path, out: Path, **changes: Any) -> Order:
    recipe = Recipe(
        name="tiny", base=str(base), epochs=2, batch_texts=16, learning_rate=3e-3, evaluate_every=8,
        max_tokens=32, seed=3,
    )  # fmt: skip
    own: dict[str, Any] = {name: changes.pop(name) for name in list(changes) if name in Order._fields}
    whole = Order(
        recipe=msgspec.structs.replace(recipe, **changes), data=(data,), teacher=None, out=out, held_out=None,
        keep_adapter=False, save_every=5, cpu=True, restart=False, command="flagstaff train",
    )  # fmt: skip
    return whole._replace(**own)


def reporter(kill_at: int | None = None, said: list[str] | None = None) -> Reporter:
    def advance(step: int) -> None:
        if step == kill_at:
            raise Killed

    @contextmanager
    def steps(total: int) -> Iterator[Callable[[int], None]]:
        del total
        yield advance

    return Reporter(say=(said if said is not None else []).append, steps=steps)


def command(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["train", "--kind", "encoder", *arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def auroc_of(folder: Path) -> float:
    """How well it tells texts of the same kind apart that it has not seen."""
    detector = load_detector(DetectorSettings(model=str(folder), device="cpu"))
    fresh = rows(200, seed=9)
    logits = np.array(detector.logits(detector.encode([row["text"] for row in fresh])))
    machine = np.array([row["label"] == "machine" for row in fresh])
    return auroc(logits[~machine], logits[machine])


@pytest.mark.parametrize(
    "how",
    [
        ("--learning-rate", "3e-3"),
        ("--learning-rate", "2e-2", "--adapter-rank", "8"),
        ("--learning-rate", "2e-2", "--adapter-rank", "8", "--keep-adapter"),
    ],
    ids=["whole", "merged", "adapter"],
)
def test_it_learns_and_the_directory_runs(
    base: Path, data: Path, tmp_path: Path, how: tuple[str, ...]
) -> None:
    out, held = tmp_path / "out", tmp_path / "held.jsonl.gz"
    given = ("--base", str(base), "--data", str(data), "--out", str(out), "--held-out", str(held), "--cpu")
    sizes = ("--max-tokens", "32", "--batch-texts", "16", "--epochs", "5", "--token-dropout", "0")
    assert command(*given, *sizes, *how, "--evaluate-every", "20", "--name", "tiny") == 0
    assert auroc_of(out) > 0.9
    said = json.loads((out / "detector.json").read_bytes())
    assert said["kind"] == ("adapter" if "--keep-adapter" in how else "transformers")
    assert said["preparation"] == "masked-links"
    assert said["name"] == "tiny"
    told = said["provenance"]
    assert told["data"].keys() == {"made-up.jsonl"}
    assert told["validations"][-1]["families"].keys() == {"made-up"}
    assert str(tmp_path) not in told["command"]
    assert not (out / ".training").exists()
    held_out = [json.loads(line) for line in gzip.decompress(held.read_bytes()).splitlines()]
    assert len(held_out) == sum(told["held_out"].values())
    assert len(held_out) + sum(told["learned_from"].values()) + sum(told["validated_on"].values()) == 400
    authors = {row["author"] for row in held_out}
    assert 0 < len(authors) < 20


def test_a_head_alone_leaves_the_encoder_as_it_was(base: Path, data: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file  # noqa: PLC0415 - this test alone needs it

    train_encoder(order(base, data, tmp_path / "out", freeze=True, max_steps=4), reporter())
    before, after = (load_file(folder / "model.safetensors") for folder in (base, tmp_path / "out"))
    changed = {name for name, one in before.items() if not one.equal(after[name])}
    assert changed
    assert all(name.startswith(("classifier.", "bert.pooler.")) for name in changed)


@pytest.mark.parametrize("kill_at", [3, 12, 23])
def test_a_killed_training_goes_on_to_the_same_bytes(
    base: Path, data: Path, tmp_path: Path, kill_at: int
) -> None:
    changes: dict[str, Any] = {"adversarial_authors": 0.1, "contrastive": 0.1, "max_steps": 24}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train_encoder(order(base, data, whole, **changes), reporter())
    with pytest.raises(Killed):
        train_encoder(order(base, data, broken, **changes), reporter(kill_at))
    said: list[str] = []
    train_encoder(order(base, data, broken, **changes), reporter(said=said))
    assert any("going on after step" in line for line in said) == (kill_at > 5)
    assert (whole / "model.safetensors").read_bytes() == (broken / "model.safetensors").read_bytes()
    first, second = (json.loads((folder / "detector.json").read_bytes()) for folder in (whole, broken))
    assert first == second


def test_another_recipe_or_other_data_is_no_way_to_go_on(base: Path, data: Path, tmp_path: Path) -> None:
    out, other = tmp_path / "out", tmp_path / "made-up.jsonl"
    with pytest.raises(Killed):
        train_encoder(order(base, data, out), reporter(7))
    with pytest.raises(SettingsError, match=r"learning_rate.*--restart"):
        train_encoder(order(base, data, out, learning_rate=1e-3), reporter())
    other.write_text(data.read_text() + "\n" + json.dumps(rows(1, seed=5)[0]))
    with pytest.raises(SettingsError, match="data"):
        train_encoder(order(base, other, out), reporter())
    said: list[str] = []
    train_encoder(order(base, data, out, learning_rate=1e-3, max_steps=2, restart=True), reporter(said=said))
    assert not any("going on" in line for line in said)
    assert (out / "detector.json").exists()


def test_what_is_in_the_way_is_left_alone(
    base: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--base", str(base), "--data", str(data), "--out", str(tmp_path), "--cpu")
    (tmp_path / "letter").write_text("dear")
    assert command(*given) == 2
    assert "is not empty" in capsys.readouterr().err
    (tmp_path / "detector.json").write_text("{}")
    assert command(*given) == 2
    assert "holds a detector already" in capsys.readouterr().err
    assert (tmp_path / "detector.json").read_text() == "{}"


@pytest.mark.parametrize(
    ("wrong", "code", "why"),
    [
        (("--freeze", "--adapter-rank", "2"), 2, "exclude each other"),
        (("--keep-adapter",), 2, "--adapter-rank"),
        (("--distil-weight", "0.2"), 2, "--distil"),
        (("--measure", "a.jsonl"), 2, "--kind linear"),
        (("--base", "nowhere"), 2, "no such directory"),
        (("--generator", "gpt5"), 1, "'gpt2'"),
        (("--sampling-method", "typical"), 1, "'top_k=40'"),
        (("--source", "moon"), 1, "'made-up:here'"),
    ],
)
def test_a_mistake_is_told_in_one_line(  # noqa: PLR0913, PLR0917 - what fixtures and cases give
    base: Path,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    wrong: tuple[str, ...],
    code: int,
    why: str,
) -> None:
    out = tmp_path / "out"
    assert command("--base", str(base), "--data", str(data), "--out", str(out), "--cpu", *wrong) == code
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert why in said
    assert not out.exists()


def test_an_encoder_s_options_are_not_a_linear_detector_s(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["train", "--data", str(data), "--out", str(tmp_path), "--crop-share", "0"])
    assert ended.value.code == 2
    assert "--crop-share is for --kind encoder" in capsys.readouterr().err


def test_the_best_weights_are_kept_and_patience_ends_it(base: Path, data: Path, tmp_path: Path) -> None:
    # Steps this large undo what the first ones learned.
    wild: dict[str, Any] = {
        "learning_rate": 0.3,
        "warmup": 0.0,
        "patience": 2,
        "epochs": 40,
        "evaluate_every": 1,
    }
    outcome = train_encoder(order(base, data, tmp_path / "out", **wild), reporter())
    assert outcome.ended_by == "patience"
    history = outcome.progress.history
    top = max(one.auroc for one in history)
    best = next(one for one in history if one.auroc == top)
    assert len(history) - 1 - history.index(best) == 2
    short = tmp_path / "short"
    again = train_encoder(order(base, data, short, **wild, max_minutes=None), reporter())
    assert again.progress.history == history
    said = json.loads((short / "detector.json").read_bytes())["provenance"]
    assert said["best_step"] == best.step
