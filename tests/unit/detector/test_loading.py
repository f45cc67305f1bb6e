from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from structlog.testing import capture_logs

from tests.support.hub_cache import COMMIT, put_in_cache
from tests.support.tiny_transformer import SENTENCES, save_bert, save_roberta
from worker.detector.constant import ConstantDetector
from worker.detector.labels import label_order
from worker.detector.loading import load_detector
from worker.detector.stacked import StackedDetector
from worker.detector.transformer import TransformerDetector
from worker.errors import DetectorError, FlagstaffError, SettingsError
from worker.settings import DetectorSettings

if TYPE_CHECKING:
    from worker.detector.protocol import Detector

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_roberta(tmp_path_factory.mktemp("tiny") / "roberta")


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A model that a test may spoil."""
    return Path(shutil.copytree(saved, tmp_path / "model"))


def load(model: Path | str, **settings: Any) -> Detector:
    return load_detector(DetectorSettings(model=str(model), **settings))


def refused(kind: type[FlagstaffError], model: Path | str, **settings: Any) -> str:
    """What the user is told: one line that names what was asked for."""
    with pytest.raises(kind) as caught:
        load(model, **settings)
    assert type(caught.value) is kind
    said = str(caught.value)
    assert "\n" not in said
    assert len(said) < 600
    assert said.startswith(("detector: ", "settings: detector."))
    return said


def manifest(folder: Path, **fields: Any) -> None:
    whole = {"format": 1, "kind": "transformers", "name": "tiny", "labels": ["human", "machine"]} | fields
    (folder / "detector.json").write_text(json.dumps(whole))


def config(folder: Path, **fields: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | fields))


def logits(detector: Detector) -> list[float]:
    return detector.logits(detector.encode(SENTENCES))


def test_the_names_that_need_no_directory() -> None:
    assert isinstance(load("constant"), ConstantDetector)
    assert isinstance(load("default"), StackedDetector)


def test_the_plain_detectors_import_neither_torch_nor_transformers() -> None:
    code = (
        "import sys\n"
        "from worker.detector.loading import load_detector\n"
        "from worker.settings import DetectorSettings\n"
        "for model in ('default', 'constant'): load_detector(DetectorSettings(model=model))\n"
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_directory_of_transformers_is_loaded_quietly(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with capture_logs() as logged:
        detector = load(folder)
    assert [(event["event"], event["runs"]) for event in logged] == [("detector_loaded", "packed")]
    assert isinstance(detector, TransformerDetector)
    assert detector.name == "model"
    assert not detector.calibration.fitted
    assert len(logits(detector)) == len(SENTENCES)
    assert capfd.readouterr() == ("", "")


def test_the_manifest_gives_name_and_calibration(folder: Path) -> None:
    # Not `auto`, which picks bfloat16 where the machine computes in it.
    plain = load(folder, dtype="float32")
    manifest(folder, calibration={"fitted": True, "slope": 2.0, "threshold": 0.9})
    detector = load(folder)
    assert (detector.name, detector.calibration.slope, detector.calibration.threshold) == ("tiny", 2.0, 0.9)
    assert detector.digest != plain.digest
    assert logits(detector) == logits(plain)


def test_the_order_of_the_labels_is_read_not_assumed(folder: Path) -> None:
    forward = load(folder)
    config(folder, id2label={"0": "Fake", "1": "Real"}, label2id={"Fake": 0, "Real": 1})
    backward = load(folder)
    assert logits(backward) == [-logit for logit in logits(forward)]
    assert backward.digest != forward.digest


def test_labels_without_a_meaning_are_refused_until_the_manifest_states_them(folder: Path) -> None:
    forward = load(folder)
    config(folder, id2label={"0": "LABEL_0", "1": "LABEL_1"})
    assert "detector.json" in refused(DetectorError, folder)
    assert "flagstaff convert --labels" in refused(DetectorError, folder)
    manifest(folder, labels=["machine", "human"])
    assert logits(load(folder)) == [-logit for logit in logits(forward)]


def test_a_manifest_that_contradicts_the_labels_is_refused(folder: Path) -> None:
    manifest(folder, labels=["machine", "human"])
    assert "correct the wrong one" in refused(DetectorError, folder)


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (("machine", "human"), ("machine", "human")),
        (("Real", "Fake"), ("human", "machine")),
        (("human-written", "AI_generated"), ("human", "machine")),
        (("Human", "ChatGPT"), ("human", "machine")),
        (("generated", "original"), ("machine", "human")),
    ],
)
def test_labels_that_are_understood(names: tuple[str, str], order: tuple[str, str]) -> None:
    assert label_order(Path("m"), dict(enumerate(names)), None) == order


@pytest.mark.parametrize(
    "names",
    [("not ai", "ai"), ("LABEL_0", "machine"), ("human", "real"), ("positive", "negative"), ("", "human")],
)
def test_labels_that_are_not_understood(names: tuple[str, str]) -> None:
    with pytest.raises(DetectorError, match="do not tell"):
        label_order(Path("m"), dict(enumerate(names)), None)


def test_a_digest_depends_on_what_a_logit_depends_on_and_on_nothing_else(folder: Path) -> None:
    first = load(folder, dtype="float32").digest
    (folder / "README.md").write_text("about it")
    (folder / "trainer_state.json").write_text("{}")
    assert load(folder, dtype="float32").digest == first
    assert load(folder, dtype="bfloat16").digest != first
    weights = load_file(folder / "model.safetensors")
    weights["classifier.out_proj.bias"] += 1e-3
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    second = load(folder, dtype="float32").digest
    config(folder, layer_norm_eps=1e-3)
    assert len({first, second, load(folder, dtype="float32").digest}) == 3


def test_another_name_of_the_same_directory_is_the_same_detector(folder: Path) -> None:
    (folder.parent / "link").symlink_to(folder)
    assert load(folder.parent / "link").digest == load(folder).digest
    assert load(folder.parent / "link").name == load(folder).name == "model"


def test_a_plain_bin_of_tensors_will_do(folder: Path) -> None:
    expected = logits(load(folder))
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    assert logits(load(folder)) == expected


class _Evil:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (os.environ["EVIL"],)


def test_a_pickle_is_not_run(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVIL", str(tmp_path / "evil"))
    torch.save({"weights": _Evil()}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    assert "weights" in refused(DetectorError, folder)
    assert not (tmp_path / "evil").exists()


def test_code_in_the_directory_is_not_run(folder: Path, tmp_path: Path) -> None:
    config(
        folder,
        model_type="mine",
        auto_map={
            "AutoConfig": "mine.MineConfig",
            "AutoModelForSequenceClassification": "mine.Mine",
        },
    )
    (folder / "mine.py").write_text(f"import os\nos.mkdir({str(tmp_path / 'evil')!r})\n")
    refused(DetectorError, folder)
    assert not (tmp_path / "evil").exists()


def test_weights_cut_short(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    for size in (0, 7, 100, len(whole) // 2, len(whole) - 1):
        (folder / "model.safetensors").write_bytes(whole[:size])
        assert "broken or cut short" in refused(DetectorError, folder)


def test_weights_that_do_not_fit_the_config(folder: Path) -> None:
    config(folder, hidden_size=64)
    assert "weights" in refused(DetectorError, folder)


def test_a_model_without_its_classifier(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file(
        {name: one for name, one in weights.items() if not name.startswith("classifier")},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    assert "no trained classifier" in refused(DetectorError, folder)


def test_a_model_without_its_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    assert "no tokenizer" in refused(DetectorError, folder)


def test_the_tokenizer_of_another_model(folder: Path, tmp_path: Path) -> None:
    other = save_bert(tmp_path / "bert")
    config(folder, vocab_size=50)
    weights = load_file(folder / "model.safetensors")
    name = "roberta.embeddings.word_embeddings.weight"
    weights[name] = weights[name][:50].clone()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    shutil.copy(other / "tokenizer.json", folder / "tokenizer.json")
    assert "do not belong together" in refused(DetectorError, folder)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"model_type": "nope"}', b'{"model_type": "vit"}'])
def test_a_config_that_is_none(folder: Path, content: bytes) -> None:
    (folder / "config.json").write_bytes(content)
    refused(DetectorError, folder)


@pytest.mark.parametrize("content", [b"", b"{", b'{"version": "9"}'])
def test_a_tokenizer_that_is_none(folder: Path, content: bytes) -> None:
    (folder / "tokenizer.json").write_bytes(content)
    assert "tokenizer" in refused(DetectorError, folder)


def test_three_labels(tmp_path: Path) -> None:
    folder = save_roberta(tmp_path, labels=("human", "machine", "both"))
    assert "3 labels" in refused(DetectorError, folder)


@pytest.mark.parametrize(
    "fields",
    [{"kind": "nope"}, {"labels": ["machine", "machine"]}, {"extra": 1}, {"calibration": {"slope": "x"}}],
)
def test_a_manifest_that_is_none(folder: Path, fields: dict[str, Any]) -> None:
    manifest(folder, **fields)
    assert "detector.json" in refused(DetectorError, folder)


def test_a_directory_with_something_else(tmp_path: Path) -> None:
    assert "config.json" in refused(DetectorError, tmp_path)


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    assert "no such directory" in refused(SettingsError, tmp_path / "nope")
    assert "no such directory" in refused(SettingsError, "defualt")
    refused(SettingsError, "x" * 400)
    (tmp_path / "model.bin").touch()
    assert "is a file" in refused(SettingsError, tmp_path / "model.bin")


def test_a_hub_id_needs_a_commit() -> None:
    assert "FLAGSTAFF_DETECTOR__REVISION" in refused(SettingsError, "org/name")
    assert "40" in refused(SettingsError, "org/name", revision="main")


def test_a_revision_is_for_the_hub_only(folder: Path) -> None:
    for model in ("default", "constant", str(folder)):
        assert "detector.revision" in refused(SettingsError, model, revision=COMMIT)


def from_the_hub(cache: Path) -> subprocess.CompletedProcess[str]:
    """Loads a hub id in a process of its own, without a network, and prints what it is."""
    code = (
        "from worker.detector.loading import load_detector\n"
        "from worker.settings import DetectorSettings\n"
        f"detector = load_detector(DetectorSettings(model='org/name', revision='{COMMIT}'))\n"
        "print(detector.name, detector.digest)\n"
    )
    environ = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(cache)}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )


def test_a_model_of_the_hub_is_that_of_its_commit(folder: Path, tmp_path: Path) -> None:
    snapshot = put_in_cache(tmp_path / "cache", folder)
    assert from_the_hub(tmp_path / "cache").stdout.splitlines()[-1] == f"org/name {load(folder).digest}"
    with (snapshot / "tokenizer_config.json").open("a") as file:
        file.write(" ")
    said = from_the_hub(tmp_path / "cache").stderr.splitlines()[-1]
    assert "DetectorError: detector: org/name at" in said
    assert "tokenizer_config.json is not what the hub has" in said


def test_a_hub_that_does_not_answer(tmp_path: Path) -> None:
    said = from_the_hub(tmp_path).stderr.splitlines()[-1]
    assert "DetectorError: detector: can't get org/name at" in said
    assert "name its directory" in said


def test_a_missing_extra(folder: Path) -> None:
    code = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "from worker.detector.loading import load_detector\n"
        "from worker.settings import DetectorSettings\n"
        f"load_detector(DetectorSettings(model={str(folder)!r}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "pip install 'flagstaff[transformers]'" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("device", ["", "gpu", "cuda:", "cuda:x", "CPU", "cuda:1:2", "mps"])
def test_a_device_that_is_unknown(device: str) -> None:
    assert "detector.device" in refused(SettingsError, "constant", device=device)


def test_a_device_that_is_not_there(folder: Path) -> None:
    assert "CUDA" in refused(SettingsError, folder, device="cuda:99")


@pytest.mark.parametrize("model", ["constant", "default"])
def test_what_the_plain_detectors_can_not_do(model: str) -> None:
    assert load(model, device="cpu", dtype="float32").name == load(model).name
    assert "CPU only" in refused(SettingsError, model, device="cuda")
    assert "detector.dtype" in refused(SettingsError, model, dtype="bfloat16")
    assert "detector.dtype" in refused(SettingsError, model, dtype="int8")


def test_float16_is_not_offered_on_a_cpu(folder: Path) -> None:
    assert "'float16' is for GPUs" in refused(SettingsError, folder, dtype="float16", device="cpu")
