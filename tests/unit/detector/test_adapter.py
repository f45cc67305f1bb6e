from __future__ import annotations

import json
import shutil
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.support.tiny_transformer import SENTENCES, save_roberta
from worker.detector.adapter import ADAPTER, CONFIG, weights_digest, write_merged
from worker.detector.checkpoint import AdaptedBase, Manifest, read_manifest, write_manifest
from worker.detector.loading import load_detector
from worker.errors import DetectorError
from worker.settings import DetectorSettings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_roberta(tmp_path_factory.mktemp("encoder") / "roberta")


@pytest.fixture(scope="module")
def merged_by_peft(tmp_path_factory: pytest.TempPathFactory, encoder: Path) -> Path:
    """An adapter with random weights in `adapter`, and what PEFT makes of it and its encoder in `merged`."""
    import peft  # noqa: PLC0415 - it takes a second to import
    from transformers import AutoModelForSequenceClassification, AutoTokenizer  # noqa: PLC0415 - as above

    folder = tmp_path_factory.mktemp("peft")
    # What PEFT warns of is not what is tested.
    with torch.random.fork_rng(), warnings.catch_warnings(action="ignore"):
        torch.manual_seed(11)
        model = AutoModelForSequenceClassification.from_pretrained(encoder, local_files_only=True)
        config = peft.LoraConfig(
            task_type="SEQ_CLS",
            r=4,
            lora_alpha=12,
            target_modules=["query", "key", "value"],
            lora_dropout=0.0,
        )
        adapted = peft.get_peft_model(model, config)
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.data = torch.randn_like(parameter)
        adapted.save_pretrained(folder / "adapter")
        adapted.merge_and_unload().save_pretrained(folder / "merged")
    AutoTokenizer.from_pretrained(encoder).save_pretrained(folder / "merged")
    describe(folder / "adapter", encoder)
    return folder


def describe(folder: Path, encoder: Path, **changes: Any) -> Manifest:
    base: dict[str, Any] = {
        "model": str(encoder),
        "sha256": weights_digest(encoder),
        "max_tokens": 24,
    } | changes
    manifest = Manifest(
        format=1, kind="adapter", name="adapted", labels=("human", "machine"), base=AdaptedBase(**base)
    )
    write_manifest(folder, manifest)
    return manifest


@pytest.fixture
def folder(merged_by_peft: Path, tmp_path: Path) -> Path:
    """An adapter that a test may spoil."""
    return shutil.copytree(merged_by_peft / "adapter", tmp_path / "adapter")


def logits(folder: Path) -> list[float]:
    detector = load_detector(DetectorSettings(model=str(folder), device="cpu"))
    return detector.logits(detector.encode(SENTENCES))


def refused(folder: Path) -> str:
    with pytest.raises(DetectorError) as caught:
        load_detector(DetectorSettings(model=str(folder), device="cpu"))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_it_is_merged_as_peft_does(merged_by_peft: Path, tmp_path: Path) -> None:
    manifest = read_manifest(merged_by_peft / "adapter")
    assert manifest is not None
    write_merged(merged_by_peft / "adapter", manifest, tmp_path)
    ours, theirs = (load_file(one / "model.safetensors") for one in (tmp_path, merged_by_peft / "merged"))
    assert ours.keys() == theirs.keys()
    for name, one in ours.items():
        torch.testing.assert_close(one, theirs[name], atol=1e-5, rtol=1e-6)


def test_it_runs_as_the_merged_model_does(merged_by_peft: Path) -> None:
    theirs = logits(merged_by_peft / "merged")
    assert logits(merged_by_peft / "adapter") == pytest.approx(theirs, abs=1e-4)
    assert max(theirs) - min(theirs) > 1e-2


def test_what_a_logit_depends_on_is_in_the_digest(merged_by_peft: Path, folder: Path, encoder: Path) -> None:
    def digest(where: Path) -> str:
        return load_detector(DetectorSettings(model=str(where), device="cpu")).digest

    first = digest(folder)
    assert first == digest(merged_by_peft / "adapter")
    describe(folder, encoder, max_tokens=20)
    assert digest(folder) != first
    describe(folder, encoder)
    tensors = load_file(folder / ADAPTER)
    save_file({name: one * 1.5 for name, one in tensors.items()}, folder / ADAPTER)
    assert digest(folder) != first


def test_a_relative_directory_is_meant_from_the_adapter(folder: Path, encoder: Path) -> None:
    shutil.copytree(encoder, folder / "encoder")
    before = logits(folder)
    describe(folder, encoder, model="encoder")
    assert logits(folder) == before


def test_another_encoder_is_refused(folder: Path, encoder: Path) -> None:
    describe(folder, encoder, sha256="0" * 64)
    assert "is not the encoder that this adapter was trained on" in refused(folder)


def test_an_adapter_that_does_not_fit_is_refused(folder: Path) -> None:
    tensors = load_file(folder / ADAPTER)
    name = next(name for name in tensors if name.endswith("lora_A.weight"))
    save_file(tensors | {name: tensors[name][:, :-1].contiguous()}, folder / ADAPTER)
    assert "does not fit the encoder" in refused(folder)
    (folder / ADAPTER).write_bytes(b"nothing")
    assert "broken" in refused(folder)
    (folder / ADAPTER).unlink()
    assert "is missing" in refused(folder)


@pytest.mark.parametrize("asked", [{"use_dora": True}, {"rank_pattern": {"query": 2}}, {"peft_type": "IA3"}])
def test_more_than_plain_lora_is_refused(folder: Path, asked: dict[str, Any]) -> None:
    config = json.loads((folder / CONFIG).read_bytes())
    (folder / CONFIG).write_text(json.dumps(config | asked))
    assert "more than plain LoRA" in refused(folder)


def test_a_head_that_nobody_trained_is_refused(folder: Path, encoder: Path, tmp_path: Path) -> None:
    headless = shutil.copytree(encoder, tmp_path / "headless")
    kept = {
        name: one
        for name, one in load_file(encoder / "model.safetensors").items()
        if not name.startswith("classifier.")
    }
    save_file(kept, headless / "model.safetensors", metadata={"format": "pt"})
    describe(folder, headless)
    before = logits(folder)
    assert len(before) == len(SENTENCES)
    tensors = load_file(folder / ADAPTER)
    save_file({name: one for name, one in tensors.items() if "out_proj" not in name}, folder / ADAPTER)
    assert "no trained classifier" in refused(folder)
