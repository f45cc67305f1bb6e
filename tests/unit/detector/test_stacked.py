from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.support.faulty_detector import GIVES_NAN, RAISES, FaultyDetector
from tests.support.linear_checkpoint import linear_checkpoint
from tests.support.tiny_language_model import LONGEST, save_language_model, save_zero_shot
from tests.support.tiny_transformer import SENTENCES, save_roberta
from worker.detector.calibration import Calibration
from worker.detector.checkpoint import Manifest, write_manifest
from worker.detector.loading import load_detector
from worker.detector.scoring import Scorer
from worker.detector.stacked import Length, Member, Stack, StackedDetector, WeightedSum
from worker.errors import DetectorError, FlagstaffError, SettingsError
from worker.settings import DetectorSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.detector.protocol import Detector

ROOT = Path(__file__).parents[3]
TEXTS = (*SENTENCES, "", "a", " ".join(SENTENCES * 3))
FIRST = Member(folder="first", mean=0.5, scale=2.0)
SECOND = Member(folder="second", mean=-1.0, scale=0.25)
SUM = WeightedSum(bias=0.25, weights=(1.5, -0.5))


def stack(
    *sums: WeightedSum, members: Sequence[Member] = (FIRST, SECOND), length: Length | None = None
) -> Stack:
    return Stack(members=tuple(members), sums=sums or (SUM,), length=length)


def save(folder: Path, combination: Stack, **fields: Any) -> Path:
    manifest = Manifest(
        format=1, kind="stacked", name="both", labels=("human", "machine"), stacked=combination, **fields
    )
    write_manifest(folder, manifest)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A stack of two linear detectors."""
    made = tmp_path / "stack"
    for place, name in enumerate(("first", "second")):
        linear_checkpoint(made / name, bias=place + 1.0)
    return save(made, stack())


def load(folder: Path, **settings: Any) -> Detector:
    return load_detector(DetectorSettings(model=str(folder), **settings))


def logits(detector: Detector, texts: tuple[str, ...] = TEXTS) -> list[float]:
    return detector.logits(detector.encode(texts))


def test_a_logit_is_the_combination_of_the_members_logits(folder: Path) -> None:
    first, second = logits(load(folder / "first")), logits(load(folder / "second"))
    detector = load(folder)
    assert detector.name == "both"
    assert logits(detector) == pytest.approx(
        [
            0.25 + 1.5 * (one - 0.5) / 2.0 - 0.5 * (other + 1.0) / 0.25
            for one, other in zip(first, second, strict=True)
        ]
    )
    assert logits(detector, TEXTS[::-1])[::-1] == logits(detector)


def test_weights_may_change_with_the_length(folder: Path) -> None:
    changing = WeightedSum(bias=0.25, weights=(1.5, 0.5), by_length=(0.0, 0.75), length=3.0)
    members = (FIRST, Member(folder="second", mean=0.0, scale=1.0))
    save(folder, stack(changing, members=members, length=Length(mean=2.0, scale=0.5)))
    first, second = load(folder / "first"), load(folder / "second")
    expected = []
    for text, one, other in zip(TEXTS, logits(first), logits(second), strict=True):
        size = (math.log(max(1, math.ceil(len(text) / 4))) - 2.0) / 0.5
        expected.append(0.25 + 3.0 * size + 1.5 * (one - 0.5) / 2.0 + (0.5 + 0.75 * size) * other)
    assert logits(load(folder)) == pytest.approx(expected)


def test_a_text_may_look_like_that_of_either_group(folder: Path) -> None:
    sums = (
        WeightedSum(generators="early", share=0.75, bias=0.25, weights=(1.5, -0.5)),
        WeightedSum(generators="late", share=0.25, bias=-400.0, weights=(0.0, 90.0)),
    )
    save(folder, stack(*sums))
    expected = []
    for one, other in zip(logits(load(folder / "first")), logits(load(folder / "second")), strict=True):
        early = 0.25 + 1.5 * (one - 0.5) / 2.0 - 0.5 * (other + 1.0) / 0.25
        late = -400.0 + 90.0 * (other + 1.0) / 0.25
        expected.append(float(np.logaddexp(math.log(0.75) + early, math.log(0.25) + late)))
    # Of so large odds neither must run over.
    assert max(expected) > 710
    assert logits(load(folder)) == pytest.approx(expected)


def test_members_of_any_kind(tmp_path: Path) -> None:
    model = save_language_model(tmp_path / "gpt2")
    whole = tmp_path / "stack"
    linear_checkpoint(whole / "inner" / "first", bias=1.0)
    save_zero_shot(whole / "inner" / "second", model)
    save(whole / "inner", stack())
    encoder = save_roberta(whole / "encoder")
    write_manifest(encoder, Manifest(format=1, kind="transformers", name="e", labels=("human", "machine")))
    save_zero_shot(whole / "zero-shot", model, "mean-log-rank")
    names = ("inner", "encoder", "zero-shot")
    even = WeightedSum(bias=0.0, weights=(1.0, 1.0, 1.0))
    save(whole, stack(even, members=[Member(folder=name, mean=0.0, scale=1.0) for name in names]))
    members = [load(whole / name, device="cpu", dtype="float32") for name in names]
    detector = load(whole, device="cpu", dtype="float32")
    expected = [sum(said) for said in zip(*(logits(member) for member in members), strict=True)]
    assert logits(detector) == pytest.approx(expected)
    assert [one for text in TEXTS for one in logits(detector, (text,))] == logits(detector)
    # Longer than what the language model looks at, and not longer than the encoder's windows.
    longer = " ".join(SENTENCES)
    (whole_of_it,) = detector.encode([longer])
    by_member = [member.encode([longer])[0] for member in members]
    assert whole_of_it.tokens == max(one.tokens for one in by_member) > LONGEST
    assert [one.truncated for one in by_member] == [True, False, True]
    assert whole_of_it.truncated
    assert [one.truncated for one in detector.encode(SENTENCES)] == [False] * 3


def test_a_digest_depends_on_members_weights_and_calibration(folder: Path) -> None:
    found = [load(folder).digest]
    (folder / "first").rename(folder / "renamed")
    save(folder, stack(members=(Member(folder="renamed", mean=0.5, scale=2.0), SECOND)))
    assert load(folder).digest == found[0]
    (folder / "renamed").rename(folder / "first")
    save(folder, stack(WeightedSum(bias=0.5, weights=(1.5, -0.5))))
    found.append(load(folder).digest)
    save(folder, stack(), calibration=Calibration(fitted=True, slope=2.0))
    found.append(load(folder).digest)
    save(folder, stack(members=(Member(folder="second", mean=0.5, scale=2.0), SECOND)))
    found.append(load(folder).digest)
    save(folder, stack())
    linear_checkpoint(folder / "second", bias=7.0)
    found.append(load(folder).digest)
    assert len(set(found)) == 5


def test_a_text_that_one_member_fails_on_is_failed_alone(folder: Path) -> None:
    first, second = load(folder / "first"), load(folder / "second")
    detector = StackedDetector("both", stack(), [first, FaultyDetector(second)], Calibration())
    texts = ["one", f"{RAISES} two", "three", f"{GIVES_NAN} four"]
    results = Scorer(detector, None).score(detector.encode(texts))
    assert [isinstance(result, Exception) for result in results] == [False, True, False, True]
    assert results[0::2] == logits(load(folder), ("one", "three"))


def test_a_linear_member_beside_others_runs_whatever_the_format(folder: Path) -> None:
    encoder = save_roberta(folder / "encoder")
    write_manifest(encoder, Manifest(format=1, kind="transformers", name="e", labels=("human", "machine")))
    names = ("first", "inner", "encoder")
    shutil.copytree(folder, folder / "inner", ignore=shutil.ignore_patterns("inner", "encoder"))
    even = WeightedSum(bias=0.0, weights=(1.0, 1.0, 1.0))
    save(folder, stack(even, members=[Member(folder=name, mean=0.0, scale=1.0) for name in names]))
    first, inner = logits(load(folder / "first")), logits(load(folder / "inner"))
    encoder_alone = logits(load(folder / "encoder", device="cpu", dtype="bfloat16"))
    expected = [sum(said) for said in zip(first, inner, encoder_alone, strict=True)]
    assert logits(load(folder, device="cpu", dtype="bfloat16")) == pytest.approx(expected)


def test_linear_members_alone_refuse_what_they_can_not_do(folder: Path) -> None:
    assert "runs on the CPU only" in refused(SettingsError, folder, device="cuda")
    assert "has one format" in refused(SettingsError, folder, dtype="bfloat16")
    save(folder, stack(), calibration=Calibration(fitted=True))
    assert "calibrated in float32" in refused(SettingsError, folder, dtype="int8")
    assert logits(load(folder, device="cpu", dtype="float32")) == logits(load(folder))


def test_linear_members_alone_need_no_torch(folder: Path) -> None:
    code = (
        "import sys\n"
        "from worker.detector.loading import load_detector\n"
        "from worker.settings import DetectorSettings\n"
        f"load_detector(DetectorSettings(model={str(folder)!r}))\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def refused(kind: type[FlagstaffError], folder: Path, **settings: Any) -> str:
    """What the user is told: one line that names what was asked for."""
    with pytest.raises(kind) as caught:
        load(folder, **settings)
    assert type(caught.value) is kind
    said = str(caught.value)
    assert "\n" not in said
    assert said.startswith(("detector: ", "settings: detector."))
    return said


def change(folder: Path, **fields: Any) -> None:
    path = folder / "detector.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | fields))


def test_a_calibrated_stack_is_run_in_its_calibrations_format(folder: Path) -> None:
    encoder = save_roberta(folder / "second")
    write_manifest(encoder, Manifest(format=1, kind="transformers", name="e", labels=("human", "machine")))
    save(folder, stack(), calibration=Calibration(fitted=True, number_format="bfloat16"))
    assert "calibrated in bfloat16" in refused(SettingsError, folder, device="cpu", dtype="float32")
    assert logits(load(folder, device="cpu", dtype="bfloat16")) == logits(load(folder, device="cpu"))


def test_a_manifest_without_its_members(folder: Path) -> None:
    change(folder, stacked=None)
    assert "no `stacked`" in refused(DetectorError, folder)
    change(folder, stacked={"members": [], "sums": [{"bias": 0.0, "weights": []}]})
    assert "not valid" in refused(DetectorError, folder)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"weights": [1.0, 2.0]}, "another number of `weights`"),
        ({"by_length": [1.0, 2.0]}, "another number of `weights` or `by_length`"),
        ({"by_length": [1.0]}, "no `length`"),
        ({"length": 1.0}, "no `length`"),
        ({"share": 0.5}, "add up to 1"),
        ({"share": 0.0}, "not valid"),
    ],
)
def test_a_sum_that_is_none(folder: Path, fields: dict[str, Any], said: str) -> None:
    member = {"folder": "first", "mean": 0.0, "scale": 1.0}
    change(folder, stacked={"members": [member], "sums": [{"bias": 0.0, "weights": [1.0]} | fields]})
    assert said in refused(DetectorError, folder)


def test_a_manifest_with_the_labels_turned_round(folder: Path) -> None:
    change(folder, labels=["machine", "human"])
    assert "in this order" in refused(DetectorError, folder)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"folder": "../other"}, "no path inside"),
        ({"scale": 0.0}, "not valid"),
        ({"folder": "third"}, "'third'"),
        ({"folder": "."}, "a member of itself"),
    ],
)
def test_a_member_that_is_none(folder: Path, fields: dict[str, Any], said: str) -> None:
    member = {"folder": "first", "mean": 0.0, "scale": 1.0} | fields
    change(folder, stacked={"members": [member], "sums": [{"bias": 0.0, "weights": [1.0]}]})
    assert said in refused(DetectorError, folder)


def test_a_stack_that_is_a_member_of_its_own_member(folder: Path, tmp_path: Path) -> None:
    shutil.rmtree(folder / "second")
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "first").symlink_to(folder)
    (folder / "second").symlink_to(inner)
    save(inner, stack(WeightedSum(bias=0.0, weights=(1.0,)), members=(FIRST,)))
    assert "a member of itself" in refused(DetectorError, folder)


def test_a_member_that_is_broken_says_where(folder: Path) -> None:
    (folder / "second" / "weights.safetensors").write_bytes(b"")
    assert str(folder / "second") in refused(DetectorError, folder)
