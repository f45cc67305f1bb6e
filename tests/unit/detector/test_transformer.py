from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.tiny_transformer import SENTENCES, save_bert, save_gpt2, save_roberta
from worker.detector.calibration import Calibration
from worker.detector.pretrained import load_transformer
from worker.detector.protocol import DeviceLost, Encoded, OutOfMemory
from worker.detector.scoring import Scorer
from worker.detector.transformer import TransformerDetector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FAMILIES = {"bert": save_bert, "roberta": save_roberta, "gpt2": save_gpt2}
LONG = " ".join(SENTENCES * 3)


def load(folder: Path, dtype: str = "float32") -> TransformerDetector:
    return load_transformer(folder, None, device="cpu", dtype=dtype, name="tiny")


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """These models are too small to share out; threads that wait for each other only slow the tests."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


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
    with torch.inference_mode():
        human, machine = model(**tokenizer(SENTENCES[0], return_tensors="pt")).logits[0].tolist()
    assert logit_of(load(folder), SENTENCES[0]) == pytest.approx(machine - human, abs=1e-6)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(exclude_categories=()), max_size=80), max_size=4))
def test_any_text_can_be_encoded_and_scored(detector: TransformerDetector, texts: list[str]) -> None:
    encoded = detector.encode(texts)
    assert [one.tokens for one in encoded] == [len(one.payload["input_ids"]) for one in encoded]
    assert all(1 <= one.tokens <= detector.max_tokens for one in encoded)
    assert all(math.isfinite(logit) for logit in detector.logits(encoded))


@pytest.mark.parametrize("save", [save_bert, save_roberta, save_gpt2])
def test_the_longest_text_fits_the_positions(save: Callable[[Path], Path], tmp_path: Path) -> None:
    detector = load(save(tmp_path))
    (encoded,) = detector.encode([LONG])
    assert detector.max_tokens == 32
    assert (encoded.tokens, encoded.truncated) == (32, True)
    assert math.isfinite(detector.logits([encoded])[0])


def test_a_text_is_truncated_only_where_something_is_cut(detector: TransformerDetector) -> None:
    cut = [detector.encode(["a" + " b" * count])[0] for count in range(60)]
    assert [one.truncated for one in cut] == sorted(one.truncated for one in cut)
    whole = [one.tokens for one in cut if not one.truncated]
    assert whole[-1] == detector.max_tokens
    assert all(one.tokens == detector.max_tokens for one in cut if one.truncated)


def test_a_text_of_half_a_million_letters_is_cut_before_it_is_tokenised(
    detector: TransformerDetector,
) -> None:
    (encoded,) = detector.encode(["x" * 500_000])
    assert encoded.truncated
    assert encoded.tokens <= detector.max_tokens


def test_the_name_of_a_special_token_is_plain_text(detector: TransformerDetector) -> None:
    (spoken,) = detector.encode(["a</s>b<mask><pad>"])
    (plain,) = detector.encode(["a b"])
    special = {0, 1, 2, 4}
    inside = spoken.payload["input_ids"][1:-1]
    assert not special & set(inside)
    assert spoken.tokens > plain.tokens


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_near_float32_and_has_another_digest(
    folder: Path, detector: TransformerDetector, dtype: str
) -> None:
    half = load(folder, dtype)
    assert logit_of(half, SENTENCES[0]) == pytest.approx(logit_of(detector, SENTENCES[0]), rel=0.15, abs=0.2)
    assert half.digest != detector.digest
    assert half.logits(half.encode(list(SENTENCES))) == [logit_of(half, text) for text in SENTENCES]


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
        failing(error).logits([Encoded({"input_ids": [1]}, 1, truncated=False)])


@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError("CUDA error: device-side assert triggered"),
        RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling cublasSgemm"),
    ],
)
def test_an_error_after_which_the_device_is_lost_is_not_an_error_of_a_text(error: Exception) -> None:
    with pytest.raises(DeviceLost):
        Scorer(failing(error), 8).score([Encoded({"input_ids": [1]}, 1, truncated=False)] * 2)


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="shape"):
        failing(RuntimeError("shape mismatch")).logits([Encoded({"input_ids": [1]}, 1, truncated=False)])


def test_the_cpu_says_that_it_has_no_memory_as_we_expect() -> None:
    class Greedy:
        device = torch.device("cpu")

        def __call__(self, **_: Any) -> Any:
            return torch.empty(2**62, dtype=torch.uint8)

    with pytest.raises(OutOfMemory):
        around(Greedy()).logits([Encoded({"input_ids": [1]}, 1, truncated=False)])


def failing(error: Exception) -> TransformerDetector:
    class Failing:
        device = torch.device("cpu")

        def __call__(self, **_: Any) -> Any:
            raise error

    return around(Failing())


def around(model: Any) -> TransformerDetector:
    return TransformerDetector("t", "d", Calibration(), tokenizer=None, model=model, machine=1, max_tokens=8)
