from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.tiny_transformer import SENTENCES, save_bert, save_gpt2, save_roberta, save_xlm_roberta
from worker.detector.calibration import Calibration
from worker.detector.pretrained import load_transformer
from worker.detector.protocol import DeviceLost, Encoded, OutOfMemory
from worker.detector.scoring import Scorer
from worker.detector.transformer import TransformerDetector
from worker.detector.windows import Window
from worker.settings import DetectorSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from torch import Tensor

FAMILIES = {"bert": save_bert, "roberta": save_roberta, "xlm-roberta": save_xlm_roberta, "gpt2": save_gpt2}
LONG = " ".join(SENTENCES * 3)
ONE_TOKEN = Encoded([Window([1], 1)], 1, truncated=False)


def load(folder: Path, dtype: str = "float32", max_windows: int = 4) -> TransformerDetector:
    settings = DetectorSettings(device="cpu", dtype=dtype, max_windows=max_windows)  # type: ignore[arg-type]  # a name
    return load_transformer(folder, None, settings, name="tiny")


@pytest.fixture(scope="module", params=FAMILIES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    save: Callable[[Path], Path] = FAMILIES[request.param]
    return save(tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def detector(folder: Path) -> TransformerDetector:
    return load(folder)


def logit_of(detector: TransformerDetector, text: str) -> float:
    (logit,) = detector.logits(detector.encode([text]))
    return logit


def test_a_logit_depends_on_its_own_text_alone(detector: TransformerDetector) -> None:
    texts = [*SENTENCES, "", "a", LONG, SENTENCES[0], "\U0001f600 \u00e9\u00e8"]
    alone = [logit_of(detector, text) for text in texts]
    together = detector.logits(detector.encode(texts))
    assert together == alone
    backwards = detector.logits(detector.encode(texts[::-1]))
    assert backwards[::-1] == alone
    assert len(set(alone)) == len(texts) - 1


def test_a_logit_is_what_transformers_gives(folder: Path) -> None:
    import transformers  # noqa: PLC0415 - the reference

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True)
    text = "A good tent."
    with torch.inference_mode():
        human, machine = model(**tokenizer(text, return_tensors="pt")).logits[0].tolist()
    assert logit_of(load(folder), text) == pytest.approx(machine - human, abs=1e-5)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(exclude_categories=()), max_size=80), max_size=4))
def test_any_text_can_be_encoded_and_scored(detector: TransformerDetector, texts: list[str]) -> None:
    encoded = detector.encode(texts)
    for one in encoded:
        assert one.tokens == sum(len(window.tokens) for window in one.payload)
        assert all(1 <= len(window.tokens) <= detector.max_tokens for window in one.payload)
        assert 1 <= len(one.payload) <= 4
    assert all(math.isfinite(logit) for logit in detector.logits(encoded))


def test_the_longest_window_fits_the_positions(folder: Path) -> None:
    detector = load(folder, max_windows=1)
    (encoded,) = detector.encode([LONG])
    assert detector.max_tokens == 32
    assert (encoded.tokens, encoded.truncated) == (32, True)
    assert math.isfinite(detector.logits([encoded])[0])


def test_a_text_is_truncated_only_where_something_is_cut(folder: Path) -> None:
    detector = load(folder, max_windows=1)
    cut = [detector.encode(["a" + " a" * count])[0] for count in range(60)]
    assert [one.truncated for one in cut] == sorted(one.truncated for one in cut)
    whole = [one.tokens for one in cut if not one.truncated]
    assert whole[-1] == detector.max_tokens
    assert all(one.tokens == detector.max_tokens for one in cut if one.truncated)


def test_a_text_of_half_a_million_letters_is_cut_before_it_is_tokenised(
    detector: TransformerDetector,
) -> None:
    (encoded,) = detector.encode(["x" * 500_000])
    assert encoded.truncated
    assert encoded.tokens <= detector.max_tokens * 4


def test_the_name_of_a_special_token_is_plain_text(detector: TransformerDetector) -> None:
    (spoken,) = detector.encode(["a</s>b<mask><pad>"])
    (plain,) = detector.encode(["a b"])
    special = {0, 1, 2, 4}  # 3 is what is unknown
    inside = spoken.payload[0].tokens[1:-1]
    assert not special & set(inside)
    assert spoken.tokens > plain.tokens


@pytest.mark.parametrize(("dtype", "error"), [("bfloat16", 0.8), ("int8", 1.2)])
def test_another_format_is_near_float32_and_has_another_digest(
    folder: Path, detector: TransformerDetector, dtype: str, error: float
) -> None:
    if folder.name.startswith("gpt2") and dtype == "int8":
        pytest.skip("a GPT-2 has no linear layers that could be in int8")
    other = load(folder, dtype)
    assert logit_of(other, SENTENCES[0]) == pytest.approx(logit_of(detector, SENTENCES[0]), abs=error)
    assert other.digest != detector.digest
    assert other.logits(other.encode(list(SENTENCES))) == [logit_of(other, text) for text in SENTENCES]


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 20 bytes"),
        MemoryError(),
    ],
)
def test_no_memory_has_one_name(error: Exception) -> None:
    with pytest.raises(OutOfMemory):
        failing(error).logits([ONE_TOKEN])


@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError("CUDA error: device-side assert triggered"),
        RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling cublasSgemm"),
    ],
)
def test_an_error_after_which_the_device_is_lost_is_not_an_error_of_a_text(error: Exception) -> None:
    with pytest.raises(DeviceLost):
        Scorer(failing(error), 8).score([ONE_TOKEN] * 2)


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="shape"):
        failing(RuntimeError("shape mismatch")).logits([ONE_TOKEN])


def test_the_cpu_says_that_it_has_no_memory_as_we_expect() -> None:
    class Greedy:
        batch_tokens = 1024
        on_gpu = False

        def outputs(self, _: Sequence[Sequence[int]]) -> Tensor:
            return torch.empty(2**62, dtype=torch.uint8)

    with pytest.raises(OutOfMemory):
        around(Greedy()).logits([ONE_TOKEN])


def failing(error: Exception) -> TransformerDetector:
    class Failing:
        batch_tokens = 1024
        on_gpu = False

        def outputs(self, _: Sequence[Sequence[int]]) -> Tensor:
            raise error

    return around(Failing())


def around(runner: Any) -> TransformerDetector:
    return TransformerDetector(
        "t", "d", Calibration(), tokenizer=None, runner=runner, machine=1, max_tokens=8, max_windows=4
    )
