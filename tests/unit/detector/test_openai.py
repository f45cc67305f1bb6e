"""OpenAI's `.pt` files as the detector."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from structlog.testing import capture_logs
from transformers import AutoTokenizer, RobertaConfig, RobertaForSequenceClassification

from tests.support.openai_checkpoint import TOKENIZER, content, save_openai
from tests.support.tiny_transformer import SENTENCES, save_bert
from worker.detector.loading import load_detector
from worker.detector.openai import LABELS, read_checkpoint
from worker.errors import DetectorError, SettingsError
from worker.settings import DetectorSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.detector.protocol import Detector

WORDS = "roberta.embeddings.word_embeddings.weight"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RobertaForSequenceClassification]:
    return save_openai(tmp_path_factory.mktemp("openai"))


@pytest.fixture
def file(saved: tuple[Path, Any], tmp_path: Path) -> Path:
    """A checkpoint with its tokenizer that a test may spoil."""
    return Path(shutil.copytree(saved[0].parent, tmp_path / "model")) / saved[0].name


def load(path: Path) -> Detector:
    return load_detector(DetectorSettings(model=str(path), device="cpu", dtype="float32"))


def logits(detector: Detector) -> list[float]:
    return detector.logits(detector.encode(SENTENCES))


def refused(path: Path) -> str:
    """What the user is told: one line that names the file or its directory."""
    with pytest.raises(DetectorError) as caught:
        load(path)
    said = str(caught.value)
    assert said.startswith("detector: ")
    assert str(path.parent) in said
    assert "\n" not in said
    assert len(said) < 600
    return said


def rewrite(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    whole = torch.load(file, weights_only=True)
    change(whole)
    torch.save(whole, file)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "as before torch 1.6"])
def test_the_logits_are_those_of_the_same_weights_in_transformers(
    saved: tuple[Path, RobertaForSequenceClassification], file: Path, *, zipped: bool
) -> None:
    torch.save(torch.load(file, weights_only=True), file, _use_new_zipfile_serialization=zipped)
    detector = load(file)
    assert (detector.name, detector.calibration.fitted) == ("detector-base", False)
    weights = read_checkpoint(file).weights
    assert all(torch.equal(weights[name], one) for name, one in saved[1].state_dict().items())

    tokenizer = AutoTokenizer.from_pretrained(saved[0].parent / "reference")
    with torch.inference_mode():
        outputs = [
            saved[1](**tokenizer(text, return_tensors="pt", truncation=True, max_length=32)).logits[0]
            for text in SENTENCES
        ]
    # The first output is the machine's.
    assert logits(detector) == pytest.approx([float(one[0] - one[1]) for one in outputs], abs=1e-5)
    assert len({round(logit, 3) for logit in logits(detector)}) == len(SENTENCES)


def test_the_digest_is_of_the_content_not_of_the_place(file: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(file.parent, tmp_path / "elsewhere") / file.name
    assert load(moved).digest == load(file).digest
    rewrite(moved, lambda whole: whole["model_state_dict"]["classifier.out_proj.bias"].add_(1e-3))
    assert load(moved).digest != load(file).digest


def test_what_versions_of_transformers_added_and_dropped_is_passed_over(file: Path) -> None:
    expected = load(file)
    rewrite(
        file,
        lambda whole: whole["model_state_dict"].update(
            {
                "roberta.embeddings.position_ids": torch.arange(34)[None],
                "roberta.pooler.dense.weight": torch.ones(128, 128),
                "roberta.pooler.dense.bias": torch.ones(128),
            }
        ),
    )
    assert load(file).digest == expected.digest


def test_a_vocabulary_and_its_merges_are_a_tokenizer_too(file: Path) -> None:
    expected = logits(load(file))
    whole = json.loads((file.parent / "tokenizer.json").read_bytes())["model"]
    for name in TOKENIZER:
        (file.parent / name).unlink()
    (file.parent / "vocab.json").write_text(json.dumps(whole["vocab"]))
    merges = "".join(" ".join(pair) + "\n" for pair in whole["merges"])
    (file.parent / "merges.txt").write_text("#version: 0.2\n" + merges)
    assert logits(load(file)) == expected
    # One without the other is none.
    (file.parent / "merges.txt").unlink()
    assert "can't read its tokenizer" in refused(file)


def hollow(path: Path, *, layers: int, hidden: int, large: bool) -> Path:
    """A file in the full layout of one of the two RoBERTas, with one number for each weight."""
    with torch.device("meta"):
        config = RobertaConfig(
            hidden_size=hidden,
            num_hidden_layers=layers,
            num_attention_heads=hidden // 64,
            intermediate_size=4 * hidden,
            vocab_size=50265,
            max_position_embeddings=514,
            type_vocab_size=1,
        )
        shapes = RobertaForSequenceClassification(config).state_dict()
    weights = {name: torch.zeros(1).expand(one.shape) for name, one in shapes.items()}
    torch.save(content(weights, large=large), path)
    return path


@pytest.mark.parametrize(
    ("layers", "hidden", "large"), [(12, 768, False), (24, 1024, True)], ids=["base", "large"]
)
def test_the_released_sizes(tmp_path: Path, layers: int, hidden: int, *, large: bool) -> None:
    config = read_checkpoint(hollow(tmp_path / "x.pt", layers=layers, hidden=hidden, large=large)).config
    whole = RobertaConfig.from_dict(config)
    assert (whole.num_hidden_layers, whole.hidden_size, whole.intermediate_size) == (
        layers,
        hidden,
        4 * hidden,
    )
    assert whole.num_attention_heads == {768: 12, 1024: 16}[hidden]
    assert (whole.vocab_size, whole.max_position_embeddings, whole.type_vocab_size) == (50265, 514, 1)
    assert (whole.bos_token_id, whole.pad_token_id, whole.eos_token_id) == (0, 1, 2)
    assert (whole.layer_norm_eps, whole.hidden_act) == (1e-5, "gelu")
    assert whole.id2label == dict(enumerate(LABELS)) == {0: "machine", 1: "human"}


@pytest.mark.parametrize(("layers", "hidden", "large"), [(12, 768, True), (24, 1024, False)])
def test_args_that_contradict_the_weights(tmp_path: Path, layers: int, hidden: int, *, large: bool) -> None:
    path = hollow(tmp_path / "x.pt", layers=layers, hidden=hidden, large=large)
    with pytest.raises(
        DetectorError, match=f"large={large}, but its weights are {layers} layers of {hidden}"
    ):
        read_checkpoint(path)


class _Evil:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (os.environ["EVIL"],)


def _widened(whole: dict[str, Any]) -> None:
    whole["model_state_dict"]["classifier.dense.weight"] = torch.zeros(128, 129)


def _narrowed(whole: dict[str, Any]) -> None:
    whole["model_state_dict"][WORDS] = whole["model_state_dict"][WORDS][:, :100].clone()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda whole: whole.pop("model_state_dict"), "no `model_state_dict`"),
        (lambda whole: whole.update(model_state_dict={"x": 1}), "no `model_state_dict` with weights"),
        (lambda whole: whole["model_state_dict"].pop(WORDS), f"among them {WORDS}"),
        (
            lambda whole: whole["model_state_dict"].pop("classifier.out_proj.bias"),
            "1 weights are missing, among them classifier.out_proj.bias",
        ),
        (
            lambda whole: whole["model_state_dict"].pop("roberta.encoder.layer.1.output.dense.bias"),
            "among them roberta.encoder.layer.1.output.dense.bias",
        ),
        (
            lambda whole: whole["model_state_dict"].update({"lm_head.bias": torch.zeros(3)}),
            "1 weights belong to no RoBERTa classifier, among them lm_head.bias",
        ),
        (
            lambda whole: whole["model_state_dict"].update({3: torch.zeros(3)}),
            "belong to no RoBERTa classifier, among them 3",
        ),
        (_widened, r"classifier.dense.weight is torch.float32 of shape \(128, 129\)"),
        (_narrowed, "100 wide"),
        (lambda whole: whole["model_state_dict"].update({WORDS: torch.zeros(3)}), "a matrix belongs"),
        (
            lambda whole: whole["model_state_dict"].update(
                {"classifier.out_proj.bias": torch.zeros(2, dtype=torch.int64)}
            ),
            "classifier.out_proj.bias is torch.int64",
        ),
        (lambda whole: whole.pop("args"), "no dict `args`"),
        (lambda whole: whole.update(args=["large"]), "no dict `args`"),
        (lambda whole: whole["args"].pop("large"), "do not say whether it is `large`"),
        (lambda whole: whole["args"].update(large="no"), "do not say whether it is `large`"),
        (lambda whole: whole["args"].update(large=True), "state large=True"),
        (lambda whole: whole.update(args=argparse.Namespace(large=False)), "object of argparse.Namespace"),
        (lambda whole: whole.update(args={"large": False, "at": Path()}), "object of pathlib"),
    ],
)
def test_each_way_of_breaking_it_has_its_line(
    file: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    rewrite(file, change)
    with pytest.raises(DetectorError, match=said):
        load(file)
    refused(file)


@pytest.mark.parametrize("whole", [[], torch.zeros(3), {}])
def test_a_file_of_something_else(file: Path, whole: object) -> None:
    torch.save(whole, file)
    assert "no `model_state_dict`" in refused(file)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_with_code_is_not_run(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, zipped: bool
) -> None:
    monkeypatch.setenv("EVIL", str(tmp_path / "evil"))
    torch.save({"args": _Evil()}, file, _use_new_zipfile_serialization=zipped)
    assert "mkdir, which could run code" in refused(file)
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_cut_short(file: Path, *, zipped: bool) -> None:
    torch.save(torch.load(file, weights_only=True), file, _use_new_zipfile_serialization=zipped)
    whole = file.read_bytes()
    for size in (20, 100, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:size])
        assert "broken or cut short" in refused(file)


@pytest.mark.parametrize(
    "begin", [b"", b"PK", b"version https://git-lfs.github.com/spec/v1\n", b"<html>", b"\x80\x04."]
)
def test_a_file_that_is_none_of_torchs(file: Path, begin: bytes) -> None:
    file.write_bytes(begin)
    assert "no file that torch wrote" in refused(file)


def test_a_link_to_nowhere(file: Path) -> None:
    file.unlink()
    file.symlink_to("nowhere.pt")
    with pytest.raises(SettingsError, match="no such directory"):
        load(file)


def test_no_tokenizer_beside_it(file: Path) -> None:
    (file.parent / "tokenizer.json").unlink()
    assert "no tokenizer in" in refused(file)
    assert "--tokenizer" in refused(file)


@pytest.mark.parametrize("broken", [b"", b"{", b'{"version": "9"}'])
def test_a_tokenizer_that_is_none(file: Path, broken: bytes) -> None:
    (file.parent / "tokenizer.json").write_bytes(broken)
    assert "can't read its tokenizer" in refused(file)


def test_a_tokenizer_of_another_size(file: Path, tmp_path: Path) -> None:
    other = save_bert(tmp_path / "bert")
    shutil.copy(other / "tokenizer.json", file.parent / "tokenizer.json")
    assert "take that of roberta-base" in refused(file)
    assert "tokens, the model" in refused(file)


def test_a_tokenizer_that_numbers_its_tokens_otherwise(file: Path) -> None:
    """As GPT-2's own `encoder.json` does, which has the same words in another order."""
    path = file.parent / "tokenizer.json"
    whole = json.loads(path.read_bytes())
    whole["post_processor"] = None
    path.write_text(json.dumps(whole))
    assert "put <s> (0) and </s> (2) around a text" in refused(file)


def test_it_is_loaded_without_a_word(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with capture_logs() as logged, warnings.catch_warnings():
        warnings.simplefilter("error")
        load(file)
    assert [event["event"] for event in logged] == ["detector_loaded"]
    assert capfd.readouterr() == ("", "")


def test_no_room_for_the_time_of_loading(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(DetectorError, match="set TMPDIR"):
        load(file)


def test_nothing_is_left_behind(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    logits(load(file))
    (file.parent / "tokenizer.json").unlink()
    refused(file)
    assert list((tmp_path / "temporary").iterdir()) == []
