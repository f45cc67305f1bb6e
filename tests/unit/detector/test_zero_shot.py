from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from tests.support.tiny_language_model import LONGEST, save_language_model, save_zero_shot, write_gguf
from tests.support.tiny_transformer import SENTENCES, save_bert
from worker.detector.calibration import Calibration
from worker.detector.loading import load_detector
from worker.detector.zero_shot import STATISTICS, Statistic
from worker.detector.zero_shot_statistics import LanguageModel, StatisticRunner, statistics_of
from worker.errors import DetectorError, FlagstaffError, SettingsError
from worker.settings import DetectorSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.detector.protocol import Detector

LONG = " ".join(SENTENCES * 3)
TEXTS = (*SENTENCES, "", "a", LONG, SENTENCES[0], "\U0001f600 \u00e9\u00e8", "</s><pad>")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_language_model(tmp_path_factory.mktemp("tiny") / "gpt2")


@pytest.fixture
def folder(model: Path, tmp_path: Path) -> Path:
    """A detector of curvature whose language model a test may spoil."""
    own = Path(shutil.copytree(model, tmp_path / "own" / "gpt2"))
    return save_zero_shot(tmp_path / "detector", own)


def load(folder: Path, **settings: Any) -> Detector:
    return load_detector(
        DetectorSettings(model=str(folder), **{"device": "cpu", "dtype": "float32"} | settings)
    )


def logits(detector: Detector, texts: Sequence[str]) -> list[float]:
    return detector.logits(detector.encode(texts))


def slow(rows: Sequence[Sequence[float]], tokens: Sequence[int]) -> dict[Statistic, float]:
    """The statistics written out, of what the model says of each token: one row a token."""
    chosen, expected, variance, ranks, entropy = [], [], [], [], []
    for row, token in zip(rows, tokens, strict=True):
        most = max(row)
        total = math.fsum(math.exp(logit - most) for logit in row)
        logs = [logit - most - math.log(total) for logit in row]
        chosen.append(logs[token])
        mean = math.fsum(math.exp(one) * one for one in logs)
        expected.append(mean)
        variance.append(math.fsum(math.exp(one) * one * one for one in logs) - mean * mean)
        ranks.append(math.log(sorted(logs, reverse=True).index(logs[token]) + 1))
        entropy.append(-mean)
    count = len(tokens)
    return {
        "curvature": (math.fsum(chosen) - math.fsum(expected)) / math.sqrt(math.fsum(variance)),
        "mean-log-probability": math.fsum(chosen) / count,
        "mean-log-rank": -math.fsum(ranks) / count,
        "mean-entropy": math.fsum(entropy) / count,
    }


@pytest.mark.parametrize("count", [1, 2, 64, 65, 150])
def test_the_statistics_are_what_their_formulas_say(count: int) -> None:
    random = torch.Generator().manual_seed(count)
    rows = 3 * torch.randn(count, 17, generator=random, dtype=torch.float64).float()
    tokens = torch.randint(17, (count,), generator=random)
    found = dict(zip(STATISTICS, statistics_of(rows, tokens).tolist(), strict=True))
    assert found == pytest.approx(slow(rows.tolist(), tokens.tolist()), rel=1e-5, abs=1e-6)


def test_a_model_that_is_sure_of_every_token_gives_no_curvature() -> None:
    rows = torch.zeros(5, 7)
    rows[:, 3] = 1e6
    assert statistics_of(rows, torch.full((5,), 3)).tolist() == [0.0, 0.0, 0.0, 0.0]
    assert torch.isfinite(statistics_of(rows, torch.full((5,), 2))).all()


@pytest.mark.parametrize("statistic", STATISTICS)
def test_a_logit_is_the_statistic_of_the_texts_tokens(
    model: Path, tmp_path: Path, statistic: Statistic
) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(model, local_files_only=True)
    language_model = transformers.AutoModelForCausalLM.from_pretrained(model, local_files_only=True)
    text = SENTENCES[2]
    ids = tokenizer(text).input_ids
    with torch.inference_mode():
        rows = language_model(torch.tensor([ids])).logits[0, :-1].tolist()
    detector = load(save_zero_shot(tmp_path / "detector", model, statistic))
    assert logits(detector, [text]) == pytest.approx([slow(rows, ids[1:])[statistic]], rel=1e-4)


@pytest.mark.parametrize("threads", ["1", "3"])
def test_a_logit_depends_on_its_own_text_alone(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: str
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    detector = load(save_zero_shot(tmp_path / "detector", model))
    together = logits(detector, TEXTS)
    backwards = logits(detector, TEXTS[::-1])
    alone = [one for text in TEXTS for one in logits(detector, [text])]
    assert together == alone == backwards[::-1]


def test_texts_without_a_token_that_could_be_expected_say_nothing(model: Path, tmp_path: Path) -> None:
    for statistic in STATISTICS:
        detector = load(save_zero_shot(tmp_path / statistic, model, statistic))
        encoded = detector.encode(["", "a"])
        assert [(one.tokens, one.truncated) for one in encoded] == [(1, False)] * 2
        assert detector.logits(encoded) == [0.0, 0.0]
    assert detector.encode([]) == []
    assert detector.logits([]) == []


def test_a_long_text_is_looked_at_from_its_beginning(model: Path, tmp_path: Path) -> None:
    detector = load(save_zero_shot(tmp_path / "whole", model))
    short, long, longer = detector.encode([SENTENCES[0], LONG, LONG + " and more" * 9_000])
    assert not short.truncated
    assert (long.tokens, long.truncated) == (longer.tokens, longer.truncated) == (LONGEST, True)
    first, second = detector.logits([long, longer])
    assert first == second
    (few,) = load(save_zero_shot(tmp_path / "few", model, max_tokens=5)).encode([SENTENCES[0]])
    assert (few.tokens, few.truncated) == (5, True)


def test_a_digest_depends_on_what_a_logit_depends_on_and_on_nothing_else(
    model: Path, folder: Path, tmp_path: Path
) -> None:
    first = load(folder).digest
    (folder / "gpt2" / "README.md").write_text("about it")
    assert load(folder).digest == load(save_zero_shot(tmp_path / "same", model)).digest == first
    calibration = Calibration(fitted=True, slope=2.0)
    others = {
        load(save_zero_shot(tmp_path / "1", model, "mean-log-rank")).digest,
        load(save_zero_shot(tmp_path / "2", model, max_tokens=8)).digest,
        load(save_zero_shot(tmp_path / "3", model, calibration=calibration)).digest,
        load(folder, dtype="bfloat16").digest,
    }
    weights = load_file(folder / "gpt2" / "model.safetensors")
    weights["transformer.wte.weight"][3, 3] += 1e-3
    save_file(weights, tmp_path / "changed", metadata={"format": "pt"})
    (tmp_path / "changed").replace(folder / "gpt2" / "model.safetensors")
    others.add(load(folder).digest)
    assert len(others | {first}) == 6


def test_detectors_that_share_a_language_model_run_it_once() -> None:
    class Counting:
        device = torch.device("cpu")
        runs = 0

        def __call__(self, input_ids: torch.Tensor, **_: Any) -> Any:
            self.runs += 1
            rows = torch.arange(5.0).expand(*input_ids.shape, 5)
            return transformers.modeling_outputs.CausalLMOutput(logits=rows)

    counting = Counting()
    shared = LanguageModel(counting, tokenizer=None, longest=8, token_budget=64)
    texts = [[1, 2, 3], [2, 1], [1, 2, 3]]
    found = [StatisticRunner(shared, statistic).outputs(texts) for statistic in STATISTICS]
    assert counting.runs == 2
    assert torch.equal(torch.stack([one[:, 1] for one in found], dim=1), shared.statistics(texts))
    shared.statistics([[4, 4]])
    shared.statistics([[1, 2, 3]])
    assert counting.runs == 4


def test_a_gguf_file_is_a_language_model_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = write_gguf(tmp_path / "tiny.gguf")
    capfd.readouterr()
    detector = load(save_zero_shot(tmp_path / "detector", file))
    assert capfd.readouterr().err == ""
    found = logits(detector, TEXTS)
    assert all(math.isfinite(one) for one in found)
    assert len(set(found)) == len(TEXTS) - 2
    moved = save_zero_shot(tmp_path / "moved", file.rename(tmp_path / "other.gguf"))
    assert load(moved).digest == detector.digest


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


def test_a_format_that_it_is_not_run_in(folder: Path) -> None:
    assert "auto, float32 or bfloat16" in refused(SettingsError, folder, dtype="int8")


def test_a_manifest_that_does_not_say_what_to_take_from_where(folder: Path) -> None:
    change(folder, zero_shot=None)
    assert "no `zero_shot`" in refused(DetectorError, folder)


def test_a_manifest_with_the_labels_turned_round(folder: Path) -> None:
    change(folder, labels=["machine", "human"])
    assert "in this order" in refused(DetectorError, folder)


@pytest.mark.parametrize("path", ["../own/gpt2", "/etc", "", "gpt2/../.."])
def test_a_language_model_outside_the_directory(folder: Path, path: str) -> None:
    change(folder, zero_shot={"statistic": "curvature", "model": path})
    assert "no path inside the directory" in refused(DetectorError, folder)


@pytest.mark.parametrize("fields", [{"statistic": "luck"}, {"max_tokens": 1}, {"more": 1}])
def test_a_manifest_that_is_none(folder: Path, fields: dict[str, Any]) -> None:
    change(folder, zero_shot={"statistic": "curvature", "model": "gpt2"} | fields)
    assert "detector.json is not valid" in refused(DetectorError, folder)


@pytest.mark.parametrize("name", ["nope", "nope.gguf"])
def test_a_language_model_that_is_missing(folder: Path, name: str) -> None:
    change(folder, zero_shot={"statistic": "curvature", "model": name})
    assert name in refused(DetectorError, folder)


@pytest.mark.parametrize("content", [b"", b"GGUF", b"nothing of that kind" * 9])
def test_a_gguf_file_that_is_none(folder: Path, content: bytes) -> None:
    (folder / "spoilt.gguf").write_bytes(content)
    change(folder, zero_shot={"statistic": "curvature", "model": "spoilt.gguf"})
    assert "spoilt.gguf" in refused(DetectorError, folder)


def test_weights_cut_short(folder: Path) -> None:
    weights = folder / "gpt2" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-7])
    assert "broken or cut short" in refused(DetectorError, folder)


def test_a_language_model_without_its_tokenizer(folder: Path) -> None:
    (folder / "gpt2" / "tokenizer.json").unlink()
    assert "no tokenizer" in refused(DetectorError, folder)


def test_a_classifier_is_no_language_model(tmp_path: Path) -> None:
    assert "no trained language model" in refused(
        DetectorError, save_zero_shot(tmp_path / "detector", save_bert(tmp_path / "bert"))
    )


def test_a_model_that_sees_what_comes_later(tmp_path: Path) -> None:
    bert = save_bert(tmp_path / "bert")
    config = transformers.AutoConfig.from_pretrained(bert, local_files_only=True)
    transformers.BertForMaskedLM(config).save_pretrained(bert)
    said = refused(DetectorError, save_zero_shot(tmp_path / "detector", bert))
    assert "name a causal language model" in said
