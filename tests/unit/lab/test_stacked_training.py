from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import numpy as np
import pytest
from msgspec.structs import replace

from tests.support.tiny_language_model import save_language_model, save_zero_shot
from worker.detector.checkpoint import Manifest, read_manifest, write_linear, write_manifest
from worker.detector.linear import LinearModel
from worker.detector.loading import load_detector
from worker.detector.ngrams import NgramSpec
from worker.errors import DetectorError
from worker.lab.calibrating import auroc
from worker.lab.corpus import Sample, counts_by_source
from worker.lab.fitting import balanced_weights, feature_matrix, fit_logistic, quantised
from worker.lab.lines import CorpusError
from worker.lab.splits import hold_out
from worker.lab.stacked_training import StackRecipe, TrainedStack, train_stacked
from worker.lab.stacked_writing import write_stacked
from worker.lab.stacking import logits_of_stack, words_of
from worker.settings import DetectorSettings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

HUMAN = ("lake", "river", "stone", "maybe", "neighbour", "laughed", "while", "rain", "fell", "quietly")
MACHINE = ("leverage", "synergy", "robust", "paradigm", "delve", "tapestry", "unlock", "seamless", "vibrant")
RECIPE = StackRecipe(name="both", hold_out=0.4)


def samples(count: int, seed: int, machine_words: Sequence[str] = MACHINE) -> list[Sample]:
    random = Random(seed)  # noqa: S311 - it guards nothing
    made = []
    for number in range(count):
        machine = number % 2 == 1
        words = [
            random.choice((*(machine_words if machine else HUMAN), *HUMAN))
            for _ in range(random.randint(10, 50))
        ]
        made.append(
            Sample(
                text=" ".join(words),
                label="machine" if machine else "human",
                source="made-up",
                author=f"{seed}-{number % 20}",
            )
        )
    return made


def save_linear(folder: Path, learned: Sequence[Sample], provenance: dict[str, Any] | None = None) -> Path:
    """A linear detector that learned from these texts."""
    spec = NgramSpec(bits=10)
    machine = np.array([one.is_machine for one in learned])
    features = feature_matrix([one.text for one in learned], spec)
    coefficients, bias = fit_logistic(features, machine, balanced_weights(learned), 1e-3)
    weights, scale = quantised(coefficients)
    manifest = Manifest(
        format=1,
        kind="linear",
        name=folder.name,
        labels=("human", "machine"),
        linear=LinearModel(ngrams=spec, scale=scale, bias=bias),
        provenance=provenance or {},
    )
    write_linear(folder, manifest, weights)
    return folder


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two detectors, each of which knows only half of the machine's words."""
    folder = tmp_path_factory.mktemp("members")
    halves = (MACHINE[:4], MACHINE[4:])
    return [
        save_linear(folder / f"half-{place}", samples(400, 10 + place, half))
        for place, half in enumerate(halves)
    ]


@pytest.fixture(scope="module")
def trained(members: list[Path]) -> TrainedStack:
    return train_stacked(samples(4_000, 1), samples(200, 2), members, RECIPE, lambda _: None)


def area(logits: Sequence[float], made: Sequence[Sample]) -> float:
    machine = np.array([one.is_machine for one in made])
    return auroc(np.array(logits)[~machine], np.array(logits)[machine])


def test_what_is_written_is_the_detector_that_was_fitted(
    trained: TrainedStack, members: list[Path], tmp_path: Path
) -> None:
    write_stacked(tmp_path / "stack", trained)
    fresh = samples(600, 3)
    texts = [one.text for one in fresh]
    folders = [tmp_path / "stack", *members]
    detectors = [load_detector(DetectorSettings(model=str(folder))) for folder in folders]
    logits = detectors[0].logits(detectors[0].encode(texts))
    assert trained.manifest.stacked is not None
    assert logits == logits_of_stack(trained.manifest.stacked, words_of(detectors[1:], texts)).tolist()
    assert area(logits, fresh) > 0.98
    calibration = detectors[0].calibration
    assert calibration.fitted
    assert calibration.threshold is not None
    assert calibration.false_positive_bound is not None
    assert calibration.number_format == "float32"
    assert detectors[0].name == "both"


def test_it_says_what_it_was_fitted_on_and_by_whom(trained: TrainedStack, members: list[Path]) -> None:
    provenance = trained.manifest.provenance
    kept, held = hold_out(samples(4_000, 1), 0.4, 2**32)
    assert provenance["learned_from"] == counts_by_source(kept)
    assert provenance["held_out"] == counts_by_source(held)
    digests = [load_detector(DetectorSettings(model=str(folder))).digest for folder in members]
    assert [one["digest"] for one in provenance["members"].values()] == digests
    assert list(trained.measured) == ["held out", "further", "learned from, cross-fitted"]
    assert trained.measured["further"]["texts"][0].machine == 100


def test_the_same_texts_give_the_same_bytes(
    trained: TrainedStack, members: list[Path], tmp_path: Path
) -> None:
    again = train_stacked(samples(4_000, 1), samples(200, 2), members, RECIPE, lambda _: None)
    for name, one in (("first", trained), ("second", again)):
        write_stacked(tmp_path / name, one)
    first, second = ((tmp_path / name / "detector.json").read_bytes() for name in ("first", "second"))
    assert first == second


def test_what_a_member_learned_from_is_not_fitted_on(members: list[Path], tmp_path: Path) -> None:
    # By its own seed and documents, which is what the stack's own split must not lean on.
    texts = [replace(one, author=None, doc=f"d{number}") for number, one in enumerate(samples(8_000, 1))]
    kept, held = hold_out(texts, RECIPE.hold_out, RECIPE.seed)
    recipe = {"hold_out": RECIPE.hold_out, "seed": RECIPE.seed}
    provenance = {"recipe": recipe, "learned_from": counts_by_source(kept)}
    knowing = save_linear(tmp_path / "knowing", kept, provenance)
    said: list[str] = []
    trained = train_stacked(texts, [], [knowing, members[0]], RECIPE, said.append)
    found = trained.manifest.provenance
    used = sum(found["learned_from"].values()) + sum(found["held_out"].values())
    assert used == len(held) < len(texts)
    assert f"{len(kept)} texts that knowing learned from are left out" in said
    assert any(line.startswith("half-0 does not tell which") for line in said)


def test_a_language_model_of_several_members_is_copied_once(tmp_path: Path) -> None:
    model = save_language_model(tmp_path / "gpt2")
    folders = {
        name: save_zero_shot(tmp_path / "in" / name, model, name)
        for name in ("curvature", "mean-log-probability")
    }
    manifest = Manifest(format=1, kind="stacked", name="s", labels=("human", "machine"))
    write_stacked(tmp_path / "stack", TrainedStack(manifest, {}, dict(folders), {}, []))
    weights = [tmp_path / "stack" / name / "gpt2" / "model.safetensors" for name in folders]
    assert weights[0].samefile(weights[1])
    assert not weights[1].readlink().is_absolute()
    (tmp_path / "stack").rename(tmp_path / "moved")
    moved = [load_detector(DetectorSettings(model=str(tmp_path / "moved" / name))) for name in folders]
    original = [load_detector(DetectorSettings(model=str(folder))) for folder in folders.values()]
    assert [one.digest for one in moved] == [one.digest for one in original]


def test_members_that_lie_in_the_directory_stay_and_others_are_not_overwritten(
    members: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "stack"
    own = save_linear(out / "half-0", samples(40, 5))
    before = (own / "weights.safetensors").read_bytes()
    manifest = Manifest(format=1, kind="stacked", name="s", labels=("human", "machine"))
    write_stacked(out, TrainedStack(manifest, {}, {"half-0": own, "half-1": members[1]}, {}, []))
    assert (own / "weights.safetensors").read_bytes() == before
    assert read_manifest(out / "half-1") == read_manifest(members[1])
    with pytest.raises(DetectorError, match="is there already"):
        write_stacked(out, TrainedStack(manifest, {}, {"half-0": members[0]}, {}, []))


def test_members_of_one_name_get_two(members: list[Path], tmp_path: Path) -> None:
    twin = save_linear(tmp_path / "half-0", samples(400, 20))
    trained = train_stacked(samples(4_000, 1), [], [members[0], twin], RECIPE, lambda _: None)
    assert trained.members == {"half-0": members[0], "half-0-2": twin}


def test_what_can_not_be_stacked(members: list[Path], tmp_path: Path) -> None:
    def refused(made: Sequence[Sample], folders: Sequence[Path]) -> str:
        with pytest.raises((CorpusError, DetectorError)) as caught:
            train_stacked(made, [], folders, RECIPE, lambda _: None)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    texts = samples(200, 1)
    assert "at least one" in refused(texts, [])
    assert "detector.json" in refused(texts, [tmp_path])
    assert "give more texts" in refused([one for one in texts if one.is_machine], members)
    assert "human texts are there to set the threshold by" in refused(texts, members)
    write_manifest(tmp_path, Manifest(format=1, kind="stacked", name="s", labels=("human", "machine")))
    assert "no `stacked`" in refused(texts, [tmp_path])
